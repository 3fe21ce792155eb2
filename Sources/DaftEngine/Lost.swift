// What is published and kept nowhere any more, be it in this run or not: a store that found a file changed behind its
// back drops it at its start, and no data server has anything to verify then.

import DaftCatalogue
import DaftCore
import DaftStore

extension Session {
    /// A failure for each lost file below `names`, or below the root; not for those that `told` speaks of.
    func lost(below names: [Name], told: [Failure]) async throws(Failure) -> [Failure] {
        let catalogue = station.catalogue
        let known = Set(told.map(\.subject))
        var lost: [Failure] = []
        for name in names.isEmpty ? [.root] : names {
            try await station.eachEntry(below: name) { (page) async throws(Failure) in
                if Task.isCancelled { return }
                lost += try await station.work { () throws(Failure) in
                    var lost: [Failure] = []
                    for named in page where !known.contains(named.name.bytes) {
                        if let failure = try loss(of: named, in: catalogue) { lost.append(failure) }
                    }
                    return lost
                }
            }
        }
        return lost
    }
}

private func loss(of named: NamedEntry, in catalogue: Catalogue) throws(Failure) -> Failure? {
    guard let content = named.entry.content else { return nil }
    let holders = try catalogue.holders(of: content)
    guard holders.complete.isEmpty, let manifest = try catalogue.manifest(content) else { return nil }
    var kept = BitSet()
    for part in holders.parts { kept.formUnion(part.chunks) }
    let missing = manifest.chunks.indices.count { index in
        !kept.contains(index) && manifest.chunks[index] != zeroChunkID(length: manifest.length(of: index))
    }
    if missing == 0 { return nil }
    let chunks = "\(missing) of \(manifest.chunks.count) chunk\(manifest.chunks.count == 1 ? "" : "s")"
    return Failure(.corrupt, named.name, "\(chunks) kept by no data server: lost; put it again")
}
