// What a piece of work costs: time on the clock, and the processor time of all its threads.

import DaftLink
import Glibc

struct Cost {
    var seconds: Double
    /// User and system time together.
    var processorSeconds: Double
}

extension [Cost] {
    var seconds: Double { median(map(\.seconds)) }
    var processorSeconds: Double { median(map(\.processorSeconds)) }
}

func median(_ values: [Double]) -> Double {
    let sorted = values.sorted()
    let middle = sorted.count / 2
    if sorted.isEmpty { return .nan }
    return sorted.count % 2 == 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2
}

/// What `body` costs in this process.
func cost(of body: () async throws -> Void) async rethrows -> Cost {
    let (start, before) = (monotonicNow(), processorSeconds())
    try await body()
    return Cost(seconds: seconds(since: start), processorSeconds: processorSeconds() - before)
}

func seconds(since start: Nanoseconds) -> Double { Double(monotonicNow() - start) / 1e9 }

private func processorSeconds() -> Double {
    var usage = rusage()
    getrusage(RUSAGE_SELF.rawValue, &usage)
    return usage.processorSeconds
}

extension rusage {
    var processorSeconds: Double {
        Double(ru_utime.tv_sec + ru_stime.tv_sec) + Double(ru_utime.tv_usec + ru_stime.tv_usec) / 1e6
    }
}

/// The memory of this process that is in use now.
func residentBytes() throws -> Int {
    let fields = try contents(of: "/proc/self/statm").split(separator: " ")
    return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * Int(getpagesize())
}
