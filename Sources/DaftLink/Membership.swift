// The members known to a link: a thread-safe list, and observers of changes.

import DaftModel
import Synchronization

public final class Membership: @unchecked Sendable {
    private let known: Mutex<[Rank]>
    private let loop: any Loop
    private var observers: [@Sendable (Rank, Presence) -> Void] = []
    public private(set) var isClosed = false

    public init(_ ranks: [Rank], on loop: any Loop) {
        known = Mutex(ranks)
        self.loop = loop
    }

    /// In order.
    public var ranks: [Rank] { known.withLock { $0 } }

    // MARK: on the loop

    func observe(_ body: @escaping @Sendable (Rank, Presence) -> Void) {
        loop.checkIsolated()
        observers.append(body)
    }

    func close() {
        loop.checkIsolated()
        isClosed = true
        observers = []
    }

    /// Replaces the members without notifying observers.
    public func become(_ now: Set<Rank>) -> (gone: [Rank], come: [Rank]) {
        loop.checkIsolated()
        let before = known.withLock { known in
            defer { known = now.sorted() }
            return Set(known)
        }
        return (before.subtracting(now).sorted(), now.subtracting(before).sorted())
    }

    public func notify(_ changes: (gone: [Rank], come: [Rank])) {
        loop.checkIsolated()
        for (peers, presence) in [(changes.gone, Presence.gone), (changes.come, .here)] {
            for peer in peers { for observer in observers { observer(peer, presence) } }
        }
    }
}
