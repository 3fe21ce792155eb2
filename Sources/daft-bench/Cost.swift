// The cost of work: elapsed time, and processor time of all threads.

import DaftLink
import Glibc

struct Cost {
    var seconds: Double
    /// User plus system time.
    var processorSeconds: Double

    static let nothing = Cost(seconds: 0, processorSeconds: 0)

    static func += (sum: inout Cost, more: Cost) {
        sum.seconds += more.seconds
        sum.processorSeconds += more.processorSeconds
    }
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

/// The cost of `body` in this process.
func cost(_ body: () async throws -> Void) async rethrows -> Cost {
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

/// The resident memory of this process.
func residentBytes() throws -> Int {
    let fields = try contents(of: "/proc/self/statm").split(separator: " ")
    return (fields.count > 1 ? Int(fields[1]) ?? 0 : 0) * Int(getpagesize())
}
