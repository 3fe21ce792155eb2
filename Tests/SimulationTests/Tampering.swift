// Hooks by which planted faults change messages; by default they change nothing.

import DaftLink
import DaftWire
import Synchronization

struct Tampering: Sendable {
    /// A reply given without executing the request.
    var instead: @Sendable (Request) -> Reply? = { _ in nil }
    /// The request as received.
    var carriedOut: @Sendable (Request) -> Request = { $0 }
    /// The reply as sent.
    var leaving: @Sendable (Reply, Request) -> Reply = { reply, _ in reply }
    /// The reply as received by the requester.
    var arriving: @Sendable (Reply) -> Reply = { $0 }
    /// A supply as sent.
    var supplied: @Sendable (Supply, ChunkRun) -> Supply = { supply, _ in supply }
    /// The requester's timeout.
    var patienceMilliseconds: @Sendable (Int) -> Int = { $0 }
    /// Slabs that are never returned.
    var hoard: Hoard?
    /// Work that leaves its loop.
    var strays = false
}

final class Hoard: Sendable {
    private let slabs = Mutex<[Slab]>([])

    func add(_ slab: Slab) { slabs.withLock { $0.append(slab) } }
}
