// Hands that a test puts between the ranks: planted faults change messages here. By default nothing is touched.

import DaftLink
import DaftWire
import Synchronization

struct Tampering: Sendable {
    /// The answer that a rank gives without having done anything for it.
    var instead: @Sendable (Request) -> Reply? = { _ in nil }
    /// A request as the rank that was asked gets to see it.
    var carriedOut: @Sendable (Request) -> Request = { $0 }
    /// An answer as it leaves the rank that was asked.
    var leaving: @Sendable (Reply, Request) -> Reply = { reply, _ in reply }
    /// An answer as whoever asked gets to see it.
    var arriving: @Sendable (Reply) -> Reply = { $0 }
    /// What a rank supplies to another.
    var supplied: @Sendable (Supply, ChunkRun) -> Supply = { supply, _ in supply }
    /// How long whoever asks waits, of what it wanted to wait.
    var patienceMilliseconds: @Sendable (Int) -> Int = { $0 }
    /// Slabs that never come back.
    var hoard: Hoard?
    /// Work that leaves its loop.
    var strays = false
}

final class Hoard: Sendable {
    private let slabs = Mutex<[Slab]>([])

    func add(_ slab: Slab) { slabs.withLock { $0.append(slab) } }
}
