// A malicious rank with extreme values in every message: the others refuse it, continue, and keep their data. Receivers
// of wrong bytes detect them.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Foundation
import Glibc
import Testing

@testable import DaftEngine

/// Supplies fixed bytes to any request.
private struct Liar: Responder {
    let bytes: [UInt8]
    let states: [PieceState]

    func answer(_ request: Request, from rank: Rank) async -> Reply { .done }

    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply {
        let slab = await SlabPool(totalBytes: 1 << 20, slabBytes: 1 << 20).take()
        slab.slice(0, bytes.count).withMutableBytes { $0.copyBytes(from: bytes) }
        return Supply(slab: slab, states: states)
    }
}

@Suite struct HostileTests {
    private static let chunk = 4_096

    /// Two data servers that keep `/src`, and an unknown rank 9.
    private func withUnknownRank(
        compression: UInt8 = 0, _ body: (Cluster, MemoryLink, Scratch) async throws -> Void
    ) async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", 20 * Self.chunk + 5)
        try scratch.write("src/small", 700, seed: 2)
        let settings = scratch.settings(["n1", "n2"], at: "login").map { some in
            var some = some
            some.compression = compression
            return some
        }
        let cluster = try await Cluster.start(settings)
        let loop = ThreadLoop(name: "stranger")
        defer {
            cluster.close()
            loop.stop()
        }
        #expect(await cluster.bcast(scratch["src"]).failures.isEmpty)
        try await body(cluster, cluster.network.link(Rank(9), on: loop), scratch)
    }

    private func isAsItWas(_ cluster: Cluster, _ scratch: Scratch) async throws -> Bool {
        let get = await cluster.get(try Name("/src"), to: scratch["out"])
        #expect(get.failures.isEmpty, "\(get.failures)")
        return try differences(scratch["src"], scratch["out"]) == ""
    }

    @Test func everyRequestWithEveryNumberAtItsLimitsIsAnsweredAndChangesNothing() async throws {
        try await withUnknownRank { cluster, link, scratch in
            let dump = try cluster.stations[0].catalogue.dump()
            for request in try Hostile.requests(scratch["src/large"], cluster.entry(Name("/src/large"))?.content) {
                for rank in [Rank(1), .metadataServer] {
                    let reply = try await link.call(request, at: rank, timeoutMilliseconds: 10_000)
                    guard case .working(let task, _) = reply else { continue }
                    try await end(task, at: rank, by: link, of: request)
                }
            }
            #expect(try await isAsItWas(cluster, scratch))
            let kept = try cluster.stations[0].catalogue.dump().filter { !$0.hasPrefix("standing ") }
            #expect(dump.filter { !$0.hasPrefix("standing ") }.allSatisfy(Set(kept).contains))
        }
    }

    private func end(_ task: UInt64, at rank: Rank, by link: MemoryLink, of request: Request) async throws {
        let isOver = await within(seconds: 20) {
            while true {
                guard let reply = try? await link.call(.poll(task: task), at: rank, timeoutMilliseconds: 10_000) else {
                    return false
                }
                if case .working = reply { continue }
                return true
            }
        }
        try #require(isOver == true, "no end of \(request)")
    }

    /// Regression: a chunk index past the end crashed the data server if the content was open.
    @Test func chunksThatThereAreNotAreMissing() async throws {
        try await withUnknownRank { cluster, link, scratch in
            let content = try #require(try cluster.entry(Name("/src/large"))?.content)
            let slab = await SlabPool(totalBytes: 1 << 20, slabBytes: 1 << 20).take()
            for chunk in [0, 20, 21, 1_000, Int(Int32.max), Int(UInt32.max)] {
                for length in [Self.chunk, 5, 0] {
                    let run = ChunkRun([Piece(.kept(content), chunk: chunk, length: length)])
                    let states = try await link.load(run, from: Rank(1), into: slab, timeoutMilliseconds: 10_000)
                    let isThere = chunk == 0 && length == Self.chunk || chunk == 20 && length == 5
                    #expect(states == [isThere ? .sent : .missing], "chunk \(chunk), \(length) bytes")
                }
            }
            let many = ChunkRun((0..<200).map { Piece(.kept(content), chunk: $0, length: ChunkSize.largest) })
            let states = try await link.load(many, from: Rank(1), into: slab, timeoutMilliseconds: 10_000)
            #expect(states == many.pieces.map { _ in .missing })
            #expect(try await isAsItWas(cluster, scratch))
        }
    }

    /// The file exists as described, but the chunk count does not fit its size.
    @Test func anOrderForSomeChunksOfAFileAsTheWholeIsRefused() async throws {
        try await withUnknownRank { cluster, link, scratch in
            var status = stat()
            try #require(lstat(scratch["src/large"], &status) == 0)
            func time(_ time: timespec) -> Time {
                Time(seconds: Int64(time.tv_sec), nanoseconds: UInt32(time.tv_nsec))
            }
            let info = SourceFileInfo(
                path: Array(scratch["src/large"].utf8), size: Int64(status.st_size), mtime: time(status.st_mtim),
                ctime: time(status.st_ctim), device: UInt64(status.st_dev), inode: UInt64(status.st_ino), mode: 0o644)
            for span in [Span(file: 0, first: 0, count: 3), Span(file: 0, first: 2, count: 19)] {
                let file = IngestFile(info: info, key: Digest.of(5), span: span, isPart: false)
                let chunkSize = try #require(ChunkSize(Self.chunk))
                let ingest = Ingest(
                    offer: Offer(rank: Rank(9), number: 1), isHere: true, chunkSize: chunkSize, files: [file])
                var reply = try await link.call(
                    .order(.ingest(ingest)), at: Rank(1), timeoutMilliseconds: 10_000)
                while case .working(let task, _) = reply {
                    reply = try await link.call(.poll(task: task), at: Rank(1), timeoutMilliseconds: 10_000)
                }
                guard case .finished(.failed(let failure)) = reply else {
                    Issue.record("\(reply)")
                    continue
                }
                #expect(failure.kind == .malformed)
            }
            #expect(try await isAsItWas(cluster, scratch))
        }
    }

    /// Compressed bytes of another length than their piece, or invalid ones.
    @Test(arguments: [4_097, 4_095, 1 << 20, 0]) func aPackedChunkOfAnotherLengthIsWrong(count: Int) async throws {
        try await withUnknownRank(compression: 1) { cluster, link, _ in
            let bomb = packed([UInt8](repeating: 7, count: count))
            let states: [PieceState] = [
                .packed(bomb.count, relayed: false), .packed(Int(UInt32.max), relayed: true),
            ]
            link.serve(Liar(bytes: bomb, states: states))
            let station = cluster.stations[1]
            let pieces = (0..<2).map { Piece(.kept(Digest.of(UInt8($0))), chunk: 0, length: Self.chunk) }
            let arrivals = await station.loop.start {
                try? await station.load(
                    pieces, [Digest.of(8), Digest.of(9)], from: Rank(9), isRelayed: false,
                    progressCounter: ProgressCounter(),
                    doubts: CorruptionReports()
                ).arrivals
            }.value
            #expect(arrivals == [.wrong, .wrong])
        }
    }

    private func packed(_ bytes: [UInt8]) -> [UInt8] {
        var room = [UInt8](repeating: 0, count: bytes.count + 1_024)
        let count = bytes.withUnsafeBytes { bytes in
            room.withUnsafeMutableBytes { Compression.pack(bytes, into: $0, level: 1) }
        }
        return Array(room[..<(count ?? 0)])
    }
}

extension Digest {
    fileprivate static func of(_ byte: UInt8) -> Digest {
        [UInt8](repeating: byte, count: 32).withUnsafeBytes { Digest($0) }
    }
}

/// Well-formed but hostile requests.
private enum Hostile {
    private static let numbers = [0, 1, 1 << 24 - 1]
    private static let counts = [0, 1, 1 << 31, Int(UInt32.max)]
    private static let states: [State] = [0, 1 << 31, 1 << 63, .max]
    private static let most = BitSet([0, 5, 1 << 20])
    private static let odd = Digest.of(9)

    static func requests(_ path: String, _ content: ContentID?) throws -> [Request] {
        let content = content ?? odd
        let time = Time(seconds: .max, nanoseconds: 999_999_999)
        let named = NamedEntry(try Name("/src/large"), Entry(.file(odd), mode: 0, mtime: time))
        let manifest = Manifest(size: 1, chunkSize: ChunkSize(ChunkSize.largest) ?? .standard, chunks: [odd])
        let store = StoreInfo(id: UniqueID(high: 1, low: 2), host: "", path: [0])
        var requests: [Request] = [
            .hold([Holding([content, odd, content], in: most, .complete), Holding([content], in: most, .part(most))]),
            .wish(CopiesRequest([content, odd], names: [named.name, .root], .everywhere)),
            .doubt([odd, content, content]), .joined([Failure(.corrupt, [0], node: "\u{0}", "")]), .underWay,
            .hello(Hello(store: store, head: Head(state: .max, digest: .max), system: UniqueID(high: 9, low: 9))),
            .order(.settle([Settled(key: odd, content: content, manifest: manifest)])),
            .order(.place([named, named])), .order(.note([named])), .order(.discard([odd, content])),
            .order(.collect(Collect([Collect.Item(path: Array("../../etc".utf8), name: named.name)]))),
            .order(.offer(OfferOrder(number: .max, path: Array("../../etc".utf8), chunkSize: .standard))),
            .offered(tree: .max, page: 1 << 30, done: [.max, 0]),
            .order(
                .replicate(
                    Replicate([MissingContent(content, .part(most)), MissingContent(odd, .complete)], state: 0))),
        ]
        for number in numbers {
            let holdings = [StoreExtent(store: number, .part(most)), StoreExtent(store: number, .complete)]
            let kept = KeptContent(id: odd, manifest: manifest, holdings: holdings)
            requests.append(.publish(Publication(entries: [named], contents: [kept], copies: .everywhere)))
            requests.append(.order(.leave(store: number + 7)))
        }
        let offer = Offer(rank: Rank(1 << 24 - 1), number: .max)
        let spans = counts.flatMap { count in counts.map { Span(file: count, first: $0, count: count) } }
        requests.append(.identify(offer, spans))
        requests.append(.pace(offer: 1, spans))
        requests += spans.flatMap { ingests(path, offer, $0) }.map { .order(.ingest($0)) }
        for state in states {
            requests += [.delta(after: Head(state: state, digest: state)), .poll(task: state), .cancel(task: state)]
        }
        return requests
    }

    /// Chunk indices out of range, for files of 1 byte and of 2⁶² bytes.
    private static func ingests(_ path: String, _ offer: Offer, _ span: Span) -> [Ingest] {
        [Int64(1), 1 << 62].flatMap { size in
            [true, false].map { isPart in
                let info = SourceFileInfo(
                    path: Array(path.utf8), size: size, mtime: .zero, ctime: .zero, device: .max, inode: .max, mode: 0)
                let file = IngestFile(info: info, key: odd, span: span, isPart: isPart)
                return Ingest(
                    offer: offer, isHere: true, chunkSize: ChunkSize(ChunkSize.smallest) ?? .standard, files: [file])
            }
        }
    }
}
