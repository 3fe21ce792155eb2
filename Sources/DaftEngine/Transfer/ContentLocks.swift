// Keyed locks for contents being fetched into this store and files being ingested: a second task waits, then finds the
// result in the store.

import DaftModel
import Synchronization

final class ContentLocks: Sendable {
    private struct State {
        var waiting: [ContentID: [UnsafeContinuation<Void, Never>]] = [:]
        var orders = 0
        var begun = 0
        /// The order that has not overlapped with any other so far.
        var onlyOrder: Int?
    }

    private let state = Mutex(State())

    /// Registers an order; returns its number.
    func enter() -> Int {
        state.withLock { state in
            state.begun += 1
            state.orders += 1
            state.onlyOrder = state.orders == 1 ? state.begun : nil
            return state.begun
        }
    }

    func leave() { state.withLock { $0.orders -= 1 } }

    /// Whether no other order has overlapped with this one.
    func isOnlyOrder(_ order: Int) -> Bool { state.withLock { $0.onlyOrder == order } }

    /// Acquires the lock if it is free.
    func claimIfFree(_ content: ContentID) -> Bool {
        state.withLock { state in
            guard state.waiting[content] == nil else { return false }
            state.waiting[content] = []
            return true
        }
    }

    func claim(_ content: ContentID) async {
        await withUnsafeContinuation { continuation in
            let isFree = state.withLock { state in
                guard state.waiting[content] != nil else {
                    state.waiting[content] = []
                    return true
                }
                state.waiting[content]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// Hands the lock to the next waiter.
    func release(_ content: ContentID) {
        let next = state.withLock { state -> UnsafeContinuation<Void, Never>? in
            guard state.waiting[content]?.isEmpty == false else {
                state.waiting[content] = nil
                return nil
            }
            return state.waiting[content]?.removeFirst()
        }
        next?.resume()
    }
}
