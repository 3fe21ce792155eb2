// The rate limit of one command, shared by all its parts. Thread-safe; waiting holds neither a thread nor memory.

import DaftLink
import DaftModel
import Synchronization

final class Throttle: Sendable {
    let rate: ByteRate
    private let loop: any Loop
    private let pace: Mutex<TokenBucket>

    init(_ rate: ByteRate, on loop: any Loop) {
        self.rate = rate
        self.loop = loop
        pace = Mutex(TokenBucket(rate, now: loop.now))
    }

    /// How long these bytes must wait; reserves their time.
    func reserve(_ bytes: Int64) -> Nanoseconds {
        let now = loop.now
        let start = pace.withLock { $0.reserve(bytes, now: now) }
        return start - min(start, now)
    }

    /// Waits until these bytes may be transferred.
    func pass(_ bytes: Int64, at station: Station, _ stop: Event) async throws(Failure) {
        try await station.hold(forNanoseconds: reserve(bytes), stop)
    }
}

extension Station {
    /// How often a waiting task checks whether it was stopped.
    private static let holdMilliseconds: Nanoseconds = 100

    /// Waits for `time`, unless stopped.
    func hold(forNanoseconds time: Nanoseconds, _ stop: Event? = nil) async throws(Failure) {
        let (sum, isTooLate) = loop.now.addingReportingOverflow(time)
        let end = isTooLate ? .max : sum
        while true {
            if Task.isCancelled || stop?.isSet ?? false || isClosed { throw Failure(.stopped, [], "stopped") }
            let now = loop.now
            if now >= end { return }
            let rest = (end - now - 1) / 1_000_000 + 1
            await loop.sleep(milliseconds: Int(min(rest, Station.holdMilliseconds)))
        }
    }
}
