// A wish to end that reaches work in tasks of its own, which a cancellation of the task that began them does not.

import Synchronization

final class StopFlag: Sendable {
    private let isWished = Atomic<Bool>(false)

    var isSet: Bool { isWished.load(ordering: .relaxed) }
    func set() { isWished.store(true, ordering: .relaxed) }
}
