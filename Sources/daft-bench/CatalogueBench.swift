// The catalogue at a million files: published through the metadata server, opened again, and caught up with by a copy.

import DaftCatalogue
import DaftCore
import DaftEngine
import DaftLink
import DaftStore
import Glibc

struct CatalogueBench {
    private static let entries = 1_000_000
    private static let batch = 500
    /// Two records an entry: its content, and its name.
    private static let deltaRecords = 100_000
    private static let timeoutMilliseconds = 60_000
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() async throws -> [Row] {
        let place = scratch.path + "/publish"
        let file = place + ".catalogue"
        let late = CatalogueBench.entries - CatalogueBench.deltaRecords / 2
        let first = try await publish(0..<late, place)
        try daft_bench.run(["cp", file, place + ".copy"])
        let second = try await publish(late..<CatalogueBench.entries, place)
        var bytes = stat()
        stat(file, &bytes)
        let opening = try reopen(file)
        let applying = try apply(from: file, to: place + ".copy")
        for leaf in ["publish.catalogue", "publish.copy", "publish.store0"] { _ = try scratch.fresh(leaf) }
        let perEntry = Double(max(first.grownBytes, second.grownBytes)) / Double(late)
        return [
            Row("publish 10⁶ files in batches of 500", first.seconds + second.seconds, "s", atMost: 20),
            Row("memory an entry meanwhile", perEntry, "B", atMost: 1024),
            Row(
                what: "catalogue of 10⁶ files on disk",
                daft: "\(fixed(Double(bytes.st_size) / 1e6, 0)) MB", peer: ""),
            Row("open it again", opening, "s", atMost: 2),
            Row("apply a delta of 10⁵ records", applying, "s", atMost: 1.5),
        ]
    }

    /// The time that the metadata server takes for it, and by how much this process grows.
    private func publish(_ range: Range<Int>, _ place: String) async throws -> (seconds: Double, grownBytes: Int) {
        let daft = try await LocalRun(place, dataServers: 1)
        defer { daft.close() }
        let link = daft.system.stations[1].link
        let before = try residentBytes()
        var nanoseconds: Nanoseconds = 0
        for start in stride(from: range.lowerBound, to: range.upperBound, by: CatalogueBench.batch) {
            let end = min(range.upperBound, start + CatalogueBench.batch)
            let publication = try CatalogueBench.publication(start..<end)
            nanoseconds += try await daft.system.run { _ in
                let begun = monotonicNow()
                let timeout = CatalogueBench.timeoutMilliseconds
                let reply = try? await link.call(
                    .publish(publication), at: .metadataServer, timeoutMilliseconds: timeout)
                guard case .published = reply else { return Result<Nanoseconds, PeerFailure>.failure(.notPublished) }
                return .success(monotonicNow() - begun)
            }.get()
        }
        return (Double(nanoseconds) / 1e9, try residentBytes() - before)
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

    private func reopen(_ file: String) throws -> Double {
        let start = monotonicNow()
        let catalogue = try Catalogue(path: file)
        _ = try catalogue.children(of: .root, after: nil, limit: 10)
        let taken = seconds(since: start)
        catalogue.close()
        return taken
    }

    /// The last records, which the copy does not have yet.
    private func apply(from file: String, to copy: String) throws -> Double {
        let (newer, older) = (try Catalogue(path: file), try Catalogue(path: copy))
        defer {
            newer.close()
            older.close()
        }
        var taken = 0.0
        while older.head != newer.head {
            guard case .records(let delta) = try newer.delta(after: older.head, limitBytes: 4 << 20) else { break }
            let start = monotonicNow()
            try older.apply(delta)
            taken += seconds(since: start)
        }
        return taken
    }
}

extension PeerFailure {
    fileprivate static let notPublished = PeerFailure(description: "the metadata server did not publish a batch")
}
