// A failure detector: a silent rank is first suspected and later given up; one that is heard again is back. Pure: time
// is passed in and changes are returned.

import DaftModel

public struct FailureDetector: Sendable {
    public enum Status: Hashable, Sendable {
        case alive
        case suspected
        case gone
    }

    public struct Patience: Hashable, Sendable {
        public var suspectedAfterMilliseconds: UInt64 = 3_000
        public var goneAfterMilliseconds: UInt64 = 10_000
        /// Calls come about once a second. After a longer gap this process itself was suspended, and nobody is blamed
        /// for it.
        public var standstillMilliseconds: UInt64 = 2_000

        public init() {}
    }

    private struct Watched {
        var last: UInt64
        var status: Status
    }

    private let patience: Patience
    private var watched: [Rank: Watched] = [:]
    private var lastCheck: UInt64?

    public init(_ patience: Patience = Patience()) { self.patience = patience }

    /// Expects this rank to be heard; no effect if it is watched already.
    public mutating func watch(_ rank: Rank, atMilliseconds now: UInt64) {
        if watched[rank] == nil { watched[rank] = Watched(last: now, status: .alive) }
    }

    /// Stops expecting it.
    public mutating func unwatch(_ rank: Rank) { watched[rank] = nil }

    /// Marks it as given up.
    public mutating func giveUp(_ rank: Rank) { watched[rank]?.status = .gone }

    public func status(of rank: Rank) -> Status? { watched[rank]?.status }

    /// How long the rank has been silent.
    public func silenceMilliseconds(of rank: Rank, atMilliseconds now: UInt64) -> UInt64 {
        watched[rank].map { now - min(now, $0.last) } ?? 0
    }

    /// True if it had been given up and is back.
    public mutating func noteMessage(from rank: Rank, atMilliseconds now: UInt64) -> Bool {
        guard let before = watched[rank] else { return false }
        watched[rank] = Watched(last: max(now, before.last), status: .alive)
        return before.status == .gone
    }

    /// Ranks newly suspected or given up since the last call.
    public mutating func check(atMilliseconds now: UInt64) -> [(rank: Rank, status: Status)] {
        let gap = now - min(lastCheck ?? now, now)
        lastCheck = now
        let excuse = gap > patience.standstillMilliseconds ? gap : 0
        var changes: [(rank: Rank, status: Status)] = []
        for rank in watched.keys.sorted() {
            guard var one = watched[rank], one.status != .gone else { continue }
            one.last = min(now, one.last + excuse)
            let silence = now - one.last
            let status: Status =
                silence >= patience.goneAfterMilliseconds
                ? .gone : silence >= patience.suspectedAfterMilliseconds ? .suspected : .alive
            if status != one.status { changes.append((rank, status)) }
            one.status = status
            watched[rank] = one
        }
        return changes
    }
}
