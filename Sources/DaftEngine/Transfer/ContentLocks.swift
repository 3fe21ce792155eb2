// Contents that are being brought into this store right now, and files that are being read into it, by their keys: who
// wants the same waits and then finds it there.

import DaftModel
import Synchronization

final class ContentLocks: Sendable {
    private struct State {
        var waiting: [ContentID: [UnsafeContinuation<Void, Never>]] = [:]
        var orders = 0
        var begun = 0
        /// The order that nobody else's has met so far.
        var lonely: Int?
    }

    private let state = Mutex(State())

    /// An order that claims contents begins; its number.
    func enter() -> Int {
        state.withLock { state in
            state.begun += 1
            state.orders += 1
            state.lonely = state.orders == 1 ? state.begun : nil
            return state.begun
        }
    }

    func leave() { state.withLock { $0.orders -= 1 } }

    /// Whether no other order can have brought anything since this one began.
    func isAlone(_ order: Int) -> Bool { state.withLock { $0.lonely == order } }

    /// True if nobody had it: then it is the caller's now.
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

    /// The next one who waits has it now.
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
