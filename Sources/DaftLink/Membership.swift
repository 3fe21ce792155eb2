// The members known to a link: a thread-safe list, and observers of changes.

import DaftModel
import Synchronization

public final class Membership: @unchecked Sendable {
    private let known: Mutex<[Rank]>
    // Only touched on the loop.
    private var observers: [@Sendable (Rank, Presence) -> Void] = []
    public private(set) var isClosed = false

    public init(_ ranks: [Rank]) { known = Mutex(ranks) }

    /// In order.
    public var ranks: [Rank] { known.withLock { $0 } }

    // MARK: on the loop

    func observe(_ body: @escaping @Sendable (Rank, Presence) -> Void) { observers.append(body) }

    func close() {
        isClosed = true
        observers = []
    }

    /// Replaces the members without notifying observers.
    public func become(_ now: Set<Rank>) -> (gone: [Rank], come: [Rank]) {
        let before = known.withLock { known in
            defer { known = now.sorted() }
            return Set(known)
        }
        return (before.subtracting(now).sorted(), now.subtracting(before).sorted())
    }

    public func tell(_ changes: (gone: [Rank], come: [Rank])) {
        for (peers, presence) in [(changes.gone, Presence.gone), (changes.come, .here)] {
            for peer in peers { for observer in observers { observer(peer, presence) } }
        }
    }
}
