// The attributes that were asked for last, for as long as the catalogue has the same head: a lookup in memory is a
// hundred times as fast as one in the catalogue's tables.

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

    /// What was found while the catalogue had this head.
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
