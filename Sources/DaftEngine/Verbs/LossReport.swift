// Reports published data that no store keeps, present or absent, by name and byte range. Needed because a store drops a
// changed file at its start, after which no data server has anything to verify.

import DaftCatalogue
import DaftModel
import DaftStore

extension Session {
    /// A failure for each lost file below `names`; empty: below the root.
    func lost(below names: [Name]) async throws(Failure) -> [Failure] {
        let catalogue = station.catalogue
        var lost: [Failure] = []
        for name in names.isEmpty ? [.root] : names {
            try await station.eachEntry(below: name) { (page) async throws(Failure) in
                if Task.isCancelled { return }
                lost += try await station.work { () throws(Failure) in
                    var lost: [Failure] = []
                    for named in page {
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
    guard holders.complete.isEmpty else { return nil }
    let manifest = try catalogue.manifest(ofNamed: content)
    var kept = BitSet()
    for part in holders.parts { kept.formUnion(part.chunks) }
    let missing = manifest.chunks.indices.filter { index in
        !kept.contains(index) && manifest.chunks[index] != zeroChunkID(length: manifest.length(of: index))
    }
    if missing.isEmpty { return nil }
    let bytes = ranges(of: missing, in: manifest).map { "\($0.lowerBound)–\($0.upperBound - 1)" }
    return Failure(
        .corrupt, named.name,
        "bytes \(bytes.joined(separator: ", ")) are kept by no data server: lost; put it again")
}

/// Byte ranges of these chunks; adjacent ones are joined.
private func ranges(of chunks: [Int], in manifest: Manifest) -> [Range<Int64>] {
    var ranges: [Range<Int64>] = []
    for chunk in chunks {
        let start = manifest.offset(of: chunk)
        let end = start + Int64(manifest.length(of: chunk))
        if let last = ranges.last, last.upperBound == start {
            ranges[ranges.count - 1] = last.lowerBound..<end
        } else {
            ranges.append(start..<end)
        }
    }
    return ranges
}
