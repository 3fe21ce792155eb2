// The metadata server's decision when names are published: write once, read many.
//
// For each entry, in order:
//   1. Same kind and content is published there: the name is known; a new mode or mtime is taken over.
//   2. Something else is published there: refused, and no part of the entry takes effect.
//   3. A parent directory is missing: it is made. A parent is no directory: refused.
//   4. A file whose content is unknown: the content and its holders are recorded first.
// Then new holdings of known contents are recorded.

import DaftCatalogue
import DaftModel
import DaftWire

func publishing(_ publication: Publication, in change: inout Change) throws(Failure) -> [Verdict] {
    var keptContents: [ContentID: KeptContent] = [:]
    for kept in publication.contents { keptContents[kept.id] = keptContents[kept.id].map { joined($0, kept) } ?? kept }
    var recorded: Set<ContentID> = []
    var admitted: Set<ContentID> = []
    var others: [Name] = []
    /// Cache of parents known to exist: most files of a publication share theirs.
    var directories: Set<Name> = []
    var verdicts: [Verdict] = []
    for named in publication.entries {
        do throws(Failure) {
            let existing = try change.entry(named.name)
            try allow(named, over: existing)
            let parent = named.name.parent ?? .root
            let isAmongOthers = directories.contains(parent)
            if existing == nil, !isAmongOthers { try allowAncestors(of: named, in: change) }
            if let content = named.entry.content, try !change.knows(content: content) {
                guard let kept = keptContents[content] else {
                    throw Failure(.malformed, named.name, "its content is not known and was not brought")
                }
                try record(kept, in: &change)
                recorded.insert(content)
            }
            if let content = named.entry.content { admitted.insert(content) } else { others.append(named.name) }
            if !isAmongOthers { try makeParents(of: named, in: &change) }
            directories.insert(parent)
            if existing != named.entry { try change.append(.entry(named)) }
            verdicts.append(existing == nil ? .new : .known)
        } catch {
            guard error.kind == .taken else { throw error }
            verdicts.append(.refused(error))
        }
    }
    for kept in publication.contents where admitted.contains(kept.id) && !recorded.contains(kept.id) {
        try recordHoldings(of: kept, in: &change)
    }
    try wanting(CopiesRequest(admitted.sorted(), names: others, publication.copies), in: &change)
    return verdicts
}

/// Records a request for more copies than wanted so far; ignores unknown contents.
func wanting(_ wish: CopiesRequest, in change: inout Change) throws(Failure) {
    if wish.copies == .one { return }
    var fresh: [ContentID] = []
    for content in wish.contents where try change.knows(content: content) {
        if try change.copies(of: content) < wish.copies { fresh.append(content) }
    }
    var names: [Name] = []
    for name in wish.names where wish.copies == .everywhere {
        if try change.entry(name) != nil, try !change.isEverywhere(name) { names.append(name) }
    }
    if !fresh.isEmpty || !names.isEmpty { try change.append(.wish(CopiesRequest(fresh, names: names, wish.copies))) }
}

/// Records a holding if it adds something; ignores unknown contents.
func recording(_ holding: Holding, in change: inout Change) throws(Failure) {
    var fresh: [ContentID] = []
    for content in holding.contents where try change.knows(content: content) {
        let holders = try change.holders(of: content)
        if holding.stores.contains(where: { holders.extent(of: $0) != holding.extent }) { fresh.append(content) }
    }
    if !fresh.isEmpty { try change.append(.holding(Holding(fresh, in: holding.stores, holding.extent))) }
}

private func allow(_ named: NamedEntry, over existing: Entry?) throws(Failure) {
    if named.name.isRoot {
        guard named.entry.isDirectory else { throw Failure(.taken, named.name, "the root is a directory") }
    }
    if let existing, let refusal = refusal(of: named, over: existing) { throw refusal }
}

private func allowAncestors(of named: NamedEntry, in change: borrowing Change) throws(Failure) {
    var name = named.name
    while let ancestor = name.parent {
        name = ancestor
        guard let above = try change.entry(ancestor) else { continue }
        if above.isDirectory { return }
        throw notBelow(above, ancestor, named.name)
    }
}

private func makeParents(of named: NamedEntry, in change: inout Change) throws(Failure) {
    var missing: [Name] = []
    while let above = missing.isEmpty ? named.name.parent : missing.last?.parent, try change.entry(above) == nil {
        missing.append(above)
    }
    for ancestor in missing.reversed() {
        try change.append(.entry(NamedEntry(ancestor, Entry(.directory, mode: 0o755, mtime: named.entry.mtime))))
    }
}

/// Merges one content that was ingested twice, perhaps by different stores.
private func joined(_ x: KeptContent, _ y: KeptContent) -> KeptContent {
    let count = x.manifest.chunks.count
    var extents: [Int: Extent] = [:]
    for holding in x.holdings + y.holdings {
        var chunks = holding.extent.chunks(of: count)
        chunks.formUnion(extents[holding.store]?.chunks(of: count) ?? BitSet())
        extents[holding.store] = holding.extent == .complete ? .complete : Extent(chunks, of: count)
    }
    let holdings = extents.sorted { $0.key < $1.key }.map { StoreExtent(store: $0.key, $0.value) }
    return KeptContent(id: x.id, manifest: x.manifest, holdings: holdings)
}

private func record(_ kept: KeptContent, in change: inout Change) throws(Failure) {
    var complete = BitSet()
    for holding in kept.holdings where holding.extent == .complete { complete.insert(holding.store) }
    try change.append(.content(kept.id, kept.manifest, stores: complete))
    for holding in kept.holdings where holding.extent != .complete && holding.extent != .nothing {
        try change.append(.holding(Holding([kept.id], in: BitSet([holding.store]), holding.extent)))
    }
}

private func recordHoldings(of kept: KeptContent, in change: inout Change) throws(Failure) {
    for holding in kept.holdings {
        var extent = holding.extent
        if case .part(var chunks) = extent {
            let before = try change.holders(of: kept.id).extent(of: holding.store)
            chunks.formUnion(before.chunks(of: kept.manifest.chunks.count))
            extent = Extent(chunks, of: kept.manifest.chunks.count)
        }
        try recording(Holding([kept.id], in: BitSet([holding.store]), extent), in: &change)
    }
}
