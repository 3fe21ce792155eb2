// Contents that are being brought into this store right now: who wants the same waits and then finds it there.

import DaftCore
import Synchronization

final class Claims: Sendable {
    private let claimed = Mutex<[ContentID: [UnsafeContinuation<Void, Never>]]>([:])

    func claim(_ content: ContentID) async {
        await withUnsafeContinuation { continuation in
            let isFree = claimed.withLock { claimed in
                guard claimed[content] != nil else {
                    claimed[content] = []
                    return true
                }
                claimed[content]?.append(continuation)
                return false
            }
            if isFree { continuation.resume() }
        }
    }

    /// The next one who waits has it now.
    func release(_ content: ContentID) {
        let next = claimed.withLock { claimed -> UnsafeContinuation<Void, Never>? in
            guard claimed[content]?.isEmpty == false else {
                claimed[content] = nil
                return nil
            }
            return claimed[content]?.removeFirst()
        }
        next?.resume()
    }
}
