// Regressions found by seeds, each as the shortest scenario that shows it.

import DaftCatalogue
import DaftModel
import DaftStore
import DaftWire
import Glibc
import Testing

@testable import DaftEngine

@Suite struct LessonTests {
    private func cluster(dataServers: Int, sources: [UInt8] = Array("some bytes".utf8)) throws -> Cluster {
        var layout = Layout()
        layout.dataServers = dataServers
        let cluster = Cluster(layout, seed: 1, flaws: Flaws())
        write([[]: Leaf(kind: .file(sources), mode: 0o644, mtime: .zero)], to: cluster.base + "/source")
        #expect(try cluster.startDead().isEmpty)
        return cluster
    }

    @Test func aUserOfADataServerGetsWhatOnlyThatOneKeeps() throws {
        let cluster = try cluster(dataServers: 2)
        let (source, target) = (Array("\(cluster.base)/source".utf8), Array("\(cluster.base)/target".utf8))
        let name = try Name("/source")
        let server = cluster.ranks[2]
        let report = try cluster.result(at: server) { station in
            _ = await Session(at: station).put([source])
            return await Session(at: station).get([name], to: target)
        }
        #expect(report?.failures == [])
        #expect(report?.moved == 0)
        #expect(read("\(cluster.base)/target") == read("\(cluster.base)/source"))
    }

    /// Waiting for the rate limit takes no thread, and simulated time passes at once.
    @Test func aLimitedPutTakesItsTime() throws {
        let cluster = try cluster(dataServers: 2, sources: (0..<36_000).map { UInt8(truncatingIfNeeded: $0 / 100) })
        let source = Array("\(cluster.base)/source".utf8)
        for host in ["n1", "n2"] {
            let begun = cluster.time.now
            let report = try cluster.result(at: cluster.metadataServer) { station in
                await Session(at: station, limit: ByteRate(1024)).put([source], at: host)
            }
            #expect(report?.failures == [])
            let seconds = Double(cluster.time.now - begun) / 1e9
            #expect((35...45).contains(seconds), "\(seconds)")
        }
    }

    /// Two concurrent commands diffuse the same file and choose different chunks for this store.
    @Test func partsOfAFileThatTwoCommandsBringAreBothKept() throws {
        let cluster = try cluster(dataServers: 2, sources: [UInt8](repeating: 7, count: 8000))
        let source = try #require(try Source(of: cluster))
        let parts = (0..<2).map { source.ingest($0, 1, isPart: true) }
        let begun = parts.compactMap { part in
            cluster.begin(at: cluster.metadataServer) { await $0.carryOut(part, at: Rank(2)) }
        }
        try cluster.run(begun)
        let ids = begun.compactMap(\.value).flatMap { outcome -> [ChunkID] in
            if case .success(let taken) = outcome, case .part(let ids) = taken.files.first { ids } else { [] }
        }
        let manifest = Manifest(size: source.info.size, chunkSize: source.chunkSize, chunks: ids)
        let settle = TypedOrder.settle([Settled(key: source.key, content: manifest.contentID, manifest: manifest)])
        _ = try cluster.result(at: cluster.metadataServer) { await $0.carryOut(settle, at: Rank(2)) }
        #expect(try cluster.ranks[2].station?.store?.extent(of: manifest.contentID) == .complete)
    }

    /// An interrupted command has ingested a part; the next ingests another and publishes only that one.
    @Test func whatAnInterruptedCommandBroughtIsRecordedByTheNext() throws {
        let cluster = try cluster(dataServers: 2, sources: [UInt8](repeating: 7, count: 8000))
        let source = try #require(try Source(of: cluster))
        let number = try #require(cluster.ranks[2].station?.number)
        let ids = [4096, 3904].map { digest(of: [UInt8](repeating: 7, count: $0)) }
        let manifest = Manifest(size: source.info.size, chunkSize: source.chunkSize, chunks: ids)
        let content = manifest.contentID
        let part = StoreExtent(store: number, .part(BitSet([1])))
        let publication = Publication(
            entries: [NamedEntry(try Name("/source"), Entry(.file(content), mode: 0o644, mtime: source.info.mtime))],
            contents: [KeptContent(id: content, manifest: manifest, holdings: [part])], copies: .atLeast(1))
        _ = try cluster.result(at: cluster.metadataServer) { station in
            for chunk in 0..<2 {
                _ = await station.carryOut(source.ingest(chunk, 1, isPart: true), at: Rank(2))
            }
            _ = await station.carryOut(
                .settle([Settled(key: source.key, content: content, manifest: manifest)]), at: Rank(2))
            _ = try? await station.ask(.publish(publication), at: .metadataServer)
            _ = await station.carryOut(.note(publication.entries), at: Rank(2))
        }
        let catalogue = try #require(cluster.metadataServer.station?.catalogue)
        #expect(try catalogue.holders(of: content).extent(of: number) == .complete)
    }

    /// One command ingested the whole file; another settles a part of the same content and is refused.
    @Test func theRefusalOfAPartLeavesWhatAnotherCommandIsAboutToPublish() throws {
        let cluster = try cluster(dataServers: 2, sources: (0..<8000).map { UInt8(truncatingIfNeeded: $0 / 3) })
        let source = try #require(try Source(of: cluster))
        func carryOut<Answer>(_ order: TypedOrder<Answer>) throws -> Result<Answer, Failure>? {
            try cluster.result(at: cluster.metadataServer) { await $0.carryOut(order, at: Rank(2)) }
        }
        let taken = try carryOut(source.ingest(0, 2, isPart: false))
        guard case .success(let ingested) = taken, case .whole(let content, let manifest) = ingested.files.first else {
            Issue.record("\(String(describing: taken))")
            return
        }
        _ = try carryOut(.settle([Settled(key: source.key, content: content, manifest: manifest)]))
        _ = try carryOut(.discard([content]))
        let store = try #require(cluster.ranks[2].station?.store)
        #expect(try store.extent(of: content) == .complete)
        _ = try carryOut(.discard([content]))
        #expect(try store.extent(of: content) == .nothing)
    }
}

/// The cluster's source file, in the smallest chunks, and orders to ingest some of them.
private struct Source {
    let info: SourceFileInfo
    let chunkSize: ChunkSize

    init?(of cluster: Cluster) throws {
        let walk = try SourceWalk(Array("\(cluster.base)/source".utf8)) { _, _ in false }
        guard case .found(let found) = walk.next(1).first, case .file(let info) = found.kind,
            let chunkSize = ChunkSize(ChunkSize.smallest)
        else { return nil }
        (self.info, self.chunkSize) = (info, chunkSize)
    }

    var key: Digest { sourceKey(info, host: "n2", chunkSize) }

    func ingest(_ first: Int, _ count: Int, isPart: Bool) -> TypedOrder<(files: [Ingested], moved: Int64)> {
        let file = IngestFile(info: info, key: key, span: Span(file: 0, first: first, count: count), isPart: isPart)
        let offer = Offer(rank: .metadataServer, number: 0)
        return .ingest(Ingest(offer: offer, isHere: true, chunkSize: chunkSize, files: [file]))
    }
}
