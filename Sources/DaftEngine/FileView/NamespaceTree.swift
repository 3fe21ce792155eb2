// A name and all below it, listed for `get`: what a view says of each entry, and where the bytes of each file come
// from. The pages of one listing are of one state each.

import DaftCatalogue
import DaftModel

struct NamespaceTree: TreeListing {
    let view: Namespace
    let root: Name

    func eachPage(_ body: ([TreeItem], [Failure]) async -> Void) async throws(Failure) {
        var isThere = false
        let station = view.station
        let catalogue = station.catalogue
        try await station.eachEntry(below: root) { (page) async throws(Failure) in
            isThere = true
            var items: [TreeItem] = []
            var failures: [Failure] = []
            let listed = try await station.work { () throws(Failure) in
                try catalogue.snapshot { (snapshot) throws(Failure) in
                    page.map { named in Result { () throws(Failure) in try item(named, snapshot) } }
                }
            }
            for one in listed {
                do throws(Failure) { items.append(try one.get()) } catch { failures.append(error) }
            }
            await body(items, failures)
        }
        if !isThere, !root.isRoot { throw Failure.notPublished(root) }
    }

    private func item(_ named: NamedEntry, _ catalogue: CatalogueSnapshot) throws(Failure) -> TreeItem {
        var entry = named.entry
        // Another member of a group may have published it: no program of theirs may run as this user (set-id bits).
        if view.station.settings.group != nil {
            entry = Entry(entry.kind, mode: entry.mode & 0o1777, mtime: entry.mtime)
        }
        return TreeItem(
            relative: Array(named.name.relative(to: root) ?? []), entry: entry, wanted: try catalogue.wanted(of: named))
    }
}

extension CatalogueSnapshot {
    /// The bytes of an entry that is a file.
    func wanted(of named: NamedEntry) throws(Failure) -> Wanted? {
        guard let content = named.entry.content else { return nil }
        return Wanted(content: content, manifest: try manifest(ofNamed: content), name: named.name)
    }
}
