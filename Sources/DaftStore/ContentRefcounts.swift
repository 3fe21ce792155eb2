// Reference counts of contents about to be published: they have no names yet and must not be dropped. Counts of a
// staging that never finished last until the process ends, which delays deletion but loses nothing.

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
    /// Keeps the content, stored already or not, from being dropped until `release`. Waits for a drop in progress.
    public func retain(_ content: ContentID) {
        locks.withLock([content]) { refcounts.increment(content) }
    }

    public func release(_ contents: some Sequence<ContentID>) {
        for content in contents { refcounts.decrement(content) }
    }

    /// Whether `drop` would delete it now.
    public func isUnused(_ content: ContentID) throws(Failure) -> Bool {
        if refcounts[content] > 0 { return false }
        return try names(of: content).isEmpty
    }
}
