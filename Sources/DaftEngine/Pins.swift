// Contents that were taken in and are not published yet, each as often as somebody staged it: while one waits for its
// name, another one's refusal must not take the bytes away. A staging that never came back leaves its pins until the
// end of the run: that keeps some bytes too long, and loses none.

import DaftCore
import Synchronization

final class Pins: Sendable {
    private let counts = Mutex<[ContentID: Int]>([:])

    func pin(_ content: ContentID) { counts.withLock { $0[content, default: 0] += 1 } }

    func unpin(_ contents: [ContentID]) {
        counts.withLock { counts in
            for content in contents {
                guard let count = counts[content] else { continue }
                counts[content] = count > 1 ? count - 1 : nil
            }
        }
    }

    func isPinned(_ content: ContentID) -> Bool { counts.withLock { $0[content] != nil } }
}
