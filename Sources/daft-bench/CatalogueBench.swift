// The catalogue with a million files: publishing, opening, and catching up of a replica.

import DaftCatalogue
import DaftEngine
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Glibc

struct CatalogueBench {
    private static let entries = 1_000_000
    private static let batch = 500
    /// Two records per entry: content and name.
    private static let deltaRecords = 100_000
    private static let timeoutMilliseconds = 60_000
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() async throws -> [Row] {
        let place = scratch.path + "/publish"
        let file = place + ".catalogue"
        let (publishing, grownBytes) = try await publish(place)
        try daft_bench.run(["cp", file, place + ".copy"])
        try append(to: file)
        var bytes = stat()
        stat(file, &bytes)
        let reopened = try await reopen(file)
        let applying = try await apply(from: file, to: place + ".copy")
        for leaf in ["publish.catalogue", "publish.copy", "publish.store0"] { _ = try scratch.fresh(leaf) }
        let perEntry = Double(grownBytes) / Double(CatalogueBench.entries)
        return [
            Row("publish 10⁶ files in batches of 500", publishing, atMostSeconds: 20),
            Row("memory an entry meanwhile", perEntry, "B", atMost: 1024),
            Row(
                what: "catalogue of 10⁶ files on disk",
                daft: "\(fixed(Double(bytes.st_size) / 1e6, 0)) MB", peer: ""),
            Row("open it again", reopened, atMostSeconds: 2),
            Row("apply a delta of 10⁵ records", applying, atMostSeconds: 1.5),
        ]
    }

    /// The metadata server's cost, and the growth of this process's memory.
    private func publish(_ place: String) async throws -> (cost: Cost, grownBytes: Int) {
        let daft = try await LocalRun(place, dataServers: 1)
        defer { daft.close() }
        let link = daft.system.stations[1].link
        let before = try residentBytes()
        var all = Cost.nothing
        for start in stride(from: 0, to: CatalogueBench.entries, by: CatalogueBench.batch) {
            let publication = try CatalogueBench.publication(start..<start + CatalogueBench.batch)
            all += try await cost {
                let reply = await daft.system.run { _ in
                    let timeout = CatalogueBench.timeoutMilliseconds
                    // The guard below throws.
                    return try? await link.call(
                        .publish(publication), at: .metadataServer, timeoutMilliseconds: timeout)
                }
                guard case .published = reply else {
                    throw PeerFailure(description: "the metadata server did not publish a batch")
                }
            }
        }
        return (all, try residentBytes() - before)
    }

    /// Adds records that an earlier copy lacks.
    private func append(to file: String) throws {
        let catalogue = try Catalogue(path: file)
        defer { catalogue.close() }
        let first = CatalogueBench.entries
        let more = try CatalogueBench.publication(first..<first + CatalogueBench.deltaRecords / 2)
        try catalogue.change { (change) throws(Failure) in
            for (named, kept) in zip(more.entries, more.contents) {
                try change.append(.content(kept.id, kept.manifest, stores: BitSet([0])))
                if let parent = named.name.parent, try change.entry(parent) == nil {
                    try change.append(.entry(NamedEntry(parent, Entry(.directory, mode: 0o755, mtime: .zero))))
                }
                try change.append(.entry(named))
            }
        }
    }

    private static func publication(_ numbers: Range<Int>) throws -> Publication {
        var (entries, contents): ([NamedEntry], [KeptContent]) = ([], [])
        for number in numbers {
            let chunk = digest(of: Array("chunk \(number)".utf8))
            let manifest = Manifest(size: 4096, chunkSize: .standard, chunks: [chunk])
            let content = manifest.contentID
            let name = try Name(Array("/set/d\(number / 1000)/file-\(number).bin".utf8))
            entries.append(NamedEntry(name, Entry(.file(content), mode: 0o644, mtime: .zero)))
            let holding = StoreExtent(store: 0, .complete)
            contents.append(KeptContent(id: content, manifest: manifest, holdings: [holding]))
        }
        return Publication(entries: entries, contents: contents)
    }

    private func reopen(_ file: String) async throws -> Cost {
        try await cost {
            let catalogue = try Catalogue(path: file)
            _ = try catalogue.children(of: .root, after: nil, limit: 10)
            catalogue.close()
        }
    }

    /// Applies the records that the copy lacks.
    private func apply(from file: String, to copy: String) async throws -> Cost {
        let (newer, older) = (try Catalogue(path: file), try Catalogue(path: copy))
        defer {
            newer.close()
            older.close()
        }
        var taken = Cost.nothing
        while older.head != newer.head {
            guard case .records(let delta) = try newer.delta(after: older.head, limitBytes: 4 << 20) else { break }
            taken += try await cost { try older.apply(delta) }
        }
        return taken
    }
}
