// A failure detector: a silent rank is first suspected and later given up; one that is heard again is back. Pure: time
// is passed in and changes are returned.

import DaftModel

public struct FailureDetector: Sendable {
    public enum Sight: Hashable, Sendable {
        case heard
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
        var sight: Sight
    }

    private let patience: Patience
    private var watched: [Rank: Watched] = [:]
    private var lastLook: UInt64?

    public init(_ patience: Patience = Patience()) { self.patience = patience }

    /// Expects this rank to be heard; no effect if it is watched already.
    public mutating func watch(_ rank: Rank, atMilliseconds now: UInt64) {
        if watched[rank] == nil { watched[rank] = Watched(last: now, sight: .heard) }
    }

    /// Stops expecting it.
    public mutating func unwatch(_ rank: Rank) { watched[rank] = nil }

    /// Marks it as given up.
    public mutating func giveUp(_ rank: Rank) { watched[rank]?.sight = .gone }

    public func sight(of rank: Rank) -> Sight? { watched[rank]?.sight }

    /// How long the rank has been silent.
    public func silenceMilliseconds(of rank: Rank, atMilliseconds now: UInt64) -> UInt64 {
        watched[rank].map { now - min(now, $0.last) } ?? 0
    }

    /// True if it had been given up and is back.
    public mutating func hear(_ rank: Rank, atMilliseconds now: UInt64) -> Bool {
        guard let before = watched[rank] else { return false }
        watched[rank] = Watched(last: max(now, before.last), sight: .heard)
        return before.sight == .gone
    }

    /// Ranks newly suspected or given up since the last call.
    public mutating func look(atMilliseconds now: UInt64) -> [(rank: Rank, sight: Sight)] {
        let gap = now - min(lastLook ?? now, now)
        lastLook = now
        let excuse = gap > patience.standstillMilliseconds ? gap : 0
        var changes: [(rank: Rank, sight: Sight)] = []
        for rank in watched.keys.sorted() {
            guard var one = watched[rank], one.sight != .gone else { continue }
            one.last = min(now, one.last + excuse)
            let silence = now - one.last
            let sight: Sight =
                silence >= patience.goneAfterMilliseconds
                ? .gone : silence >= patience.suspectedAfterMilliseconds ? .suspected : .heard
            if sight != one.sight { changes.append((rank, sight)) }
            one.sight = sight
            watched[rank] = one
        }
        return changes
    }
}
