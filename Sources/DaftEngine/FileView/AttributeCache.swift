// A cache of recently requested attributes, valid for one catalogue head. A lookup here is a hundred times as fast as
// in the catalogue's tables.

import DaftCatalogue
import DaftModel
import Synchronization

final class AttributeCache: Sendable {
    private static let most = 50_000

    private struct State {
        var head = Head.empty
        var known: [Name: Attributes] = [:]
    }

    private let state = Mutex(State())

    subscript(name: Name, at head: Head) -> Attributes? {
        state.withLock { $0.head == head ? $0.known[name] : nil }
    }

    /// Caches entries read at this head.
    func note(_ found: [DirectoryEntry], at head: Head) {
        state.withLock { state in
            if state.head != head || state.known.count + found.count > AttributeCache.most {
                state.known.removeAll(keepingCapacity: true)
                state.head = head
            }
            for one in found { state.known[one.name] = one.attributes }
        }
    }
}
