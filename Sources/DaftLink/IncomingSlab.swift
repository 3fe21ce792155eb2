// A slab being filled by a load, front to back. The next rank of a chain reads it while it is being filled, so that a
// chain's latency is that of small pieces, not of chunks.

import DaftModel
import DaftWire
import Synchronization

public final class IncomingSlab: Sendable {
    private struct State {
        var states: [PieceState]?
        var arrived = 0
        var isOver = false
        var watchers: [@Sendable () -> Void] = []
    }

    public let slab: Slab
    private let state = Mutex(State())

    public init(_ slab: Slab) { self.slab = slab }

    /// The states, once the source has reported them.
    public var states: [PieceState]? { state.withLock { $0.states } }

    /// Nothing more will arrive.
    public var isOver: Bool { state.withLock { $0.isOver } }

    /// Whether the range has arrived, as far as it ever will.
    public func hasArrived(_ range: Range<Int>) -> Bool {
        state.withLock { $0.isOver || range.upperBound <= $0.arrived }
    }

    /// Calls `body` once at the next change, on the thread that makes it.
    public func onChange(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.watchers.append(body) }
            return state.isOver
        }
        if isOver { body() }
    }

    // MARK: used by the link

    public func begin(_ states: [PieceState]) { change { $0.states = states } }

    /// All bytes before `end` that will come have arrived.
    public func advance(to end: Int) { change { $0.arrived = max($0.arrived, end) } }

    public func finish() { change { $0.isOver = true } }

    private func change(_ body: (inout State) -> Void) {
        let watchers = state.withLock { state in
            body(&state)
            defer { state.watchers = [] }
            return state.watchers
        }
        for watcher in watchers { watcher() }
    }
}
