// A slab while the bytes of a load land in it, front to back. Whoever is next in a chain gets them from here as they
// come, long before all are there: so a chain costs its length in small pieces, not in chunks.

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

    /// What is coming, once the source has said so.
    public var states: [PieceState]? { state.withLock { $0.states } }

    /// Nothing more comes: all has arrived, or what has not never will.
    public var isOver: Bool { state.withLock { $0.isOver } }

    /// Whether the bytes of that range are there, as far as they will ever be.
    public func hasArrived(_ range: Range<Int>) -> Bool {
        state.withLock { $0.isOver || range.upperBound <= $0.arrived }
    }

    /// Calls `body` at the next change, once, on whatever thread makes it.
    public func onChange(_ body: @escaping @Sendable () -> Void) {
        let isOver = state.withLock { state in
            if !state.isOver { state.watchers.append(body) }
            return state.isOver
        }
        if isOver { body() }
    }

    // MARK: by the link

    public func begin(_ states: [PieceState]) { change { $0.states = states } }

    /// Everything before `end` that comes at all is there.
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
