// Contents that somebody is about to publish: they have no name yet, and no refusal may take them away. A staging that
// never came back leaves its counts until the end of the run: that keeps some bytes too long, and loses none.

import DaftModel
import Synchronization

final class ContentRefcounts: Sendable {
    private let counts = Mutex<[ContentID: Int]>([:])

    subscript(content: ContentID) -> Int { counts.withLock { $0[content] ?? 0 } }

    func increment(_ content: ContentID) { counts.withLock { $0[content, default: 0] += 1 } }

    func decrement(_ content: ContentID) {
        counts.withLock { counts in
            guard let count = counts[content] else { return }
            counts[content] = count > 1 ? count - 1 : nil
        }
    }
}

extension Store {
    /// The content is in use until `release`, whether it is here already or about to come: it is not dropped meanwhile.
    /// Waits while it is being dropped; what is asked of the store after this holds until then.
    public func retain(_ content: ContentID) {
        locks.withLock([content]) { refcounts.increment(content) }
    }

    public func release(_ contents: some Sequence<ContentID>) {
        for content in contents { refcounts.decrement(content) }
    }

    /// Whether `drop` would take it, now.
    public func isUnused(_ content: ContentID) throws(Failure) -> Bool {
        if refcounts[content] > 0 { return false }
        return try names(of: content).isEmpty
    }
}
