// Counts concurrent chunk transfers of one content and keeps their first failure.

import DaftLink
import DaftModel
import Synchronization

final class ChunkTasks: Sendable {
    private static let lookMilliseconds = 1_000

    private let loop: any Loop
    private let ended: Condition
    private let state = Mutex((count: 0, failure: nil as Failure?))

    init(on loop: any Loop) {
        self.loop = loop
        ended = Condition(on: loop)
    }

    var failure: Failure? { state.withLock { $0.failure } }

    func begin() { state.withLock { $0.count += 1 } }

    func end(_ failure: Failure?) {
        state.withLock { state in
            state.count -= 1
            state.failure = state.failure ?? failure
        }
        ended.notify()
    }

    func fail(_ failure: Failure) { state.withLock { $0.failure = $0.failure ?? failure } }

    /// Waits until none is in flight; returns the first failure.
    func finished() async -> Failure? {
        while state.withLock({ $0.count > 0 }) {
            await ended.wait(until: loop.deadline(inMilliseconds: ChunkTasks.lookMilliseconds))
        }
        return failure
    }
}
