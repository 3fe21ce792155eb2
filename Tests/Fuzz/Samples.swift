// Sample values for seeds: one of each kind, without empty lists.

import DaftModel
import DaftWire

enum Sample {
    static let id = UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    static let time = Time(seconds: 1_700_000_000, nanoseconds: 5)
    static let head = Head(state: 7, digest: 0x0102)
    static let store = StoreInfo(id: id, host: "n1", path: Array("/tmp".utf8))
    static let smallest = ChunkSize(ChunkSize.smallest) ?? .standard
    static let contents = [digest(1), digest(2), digest(3)]
    static let manifest = Manifest(size: 5_000, chunkSize: smallest, chunks: [digest(11), digest(12)])
    static let failure = Failure(.noSpace, "/a".utf8, node: "n3", "full")
    static let file = NamedEntry(name("/d/f"), Entry(.file(digest(1)), mode: 0o644, mtime: time))
    static let directory = NamedEntry(name("/d"), Entry(.directory, mode: 0o755, mtime: time))
    static let symlink = NamedEntry(name("/d/l"), Entry(.symlink(Array("../x".utf8)), mode: 0o777, mtime: time))
    static let part = Extent.part(BitSet([0, 65]))
    static let chain = Chain([Rank(2), Rank(1)], readers: [1])
    static let span = Span(file: 1, first: 2, count: 3)
    static let progress = Progress(bytes: 1, totalBytes: 2, files: 3, totalFiles: 4)
    static let info = SourceFileInfo(
        path: Array("/s/a".utf8), size: 5_000, mtime: time, ctime: time, device: 8, inode: 9, mode: 0o644)
    static let writeOut = WriteOut(
        name: name("/d/f"), path: Array("/x".utf8), mode: 0o644, mtime: time, isForced: true, isTrial: false)
    static let ingest = Ingest(
        offer: Offer(rank: Rank(2), number: 3), isHere: true, chain: chain, chunkSize: smallest,
        files: [IngestFile(info: info, key: digest(2), span: span, isPart: true)])
    static let publication = Publication(
        entries: [directory, file, symlink],
        contents: [KeptContent(id: digest(1), manifest: manifest, holdings: [StoreExtent(store: 1, part)])],
        copies: .everywhere)
    static let run = ChunkRun(
        [
            Piece(.kept(digest(1)), chunk: 1, length: 4_096), Piece(.offered(offer: 3, file: 2), chunk: 0, length: 5),
            Piece(.identified(digest(2)), chunk: 0, length: 7),
        ], waits: true, compression: 3)
    static let states = PieceStates([
        .sent, .missing, .changed, .relayed, .packed(258, relayed: false), .packed(1, relayed: true),
    ])
    static let records: [Record] = [
        .system(id), .store(store), .content(digest(1), manifest, stores: BitSet([0])), .entry(directory),
        .entry(file), .entry(symlink), .holding(Holding([digest(1)], in: BitSet([0, 70]), part)),
        .wish(CopiesRequest([digest(1)], names: [name("/d")], .everywhere)), .left(BitSet([0])),
    ]
    static let delta = Delta(
        records: [JournalRecord(state: 7, bytes: records[0].encoded), JournalRecord(state: 8, bytes: [])], head: head)

    static func digest(_ number: UInt8) -> Digest {
        [UInt8](repeating: number, count: 32).withUnsafeBytes { Digest($0) }
    }

    static func name(_ text: String) -> Name {
        guard let name = try? Name(text) else { complain("no name: \(text)") }
        return name
    }

    static var order: NodeOrder {
        let key = [UInt8](repeating: 7, count: SystemKeys.length)
        guard let keys = SystemKeys(publicKey: key, secretKey: key) else { complain("no keys") }
        var order = NodeOrder(rank: Rank(3), system: keys, host: "n3")
        (order.metadataServer, order.port, order.store) = (["10.0.0.1", "fe80::1"], 5_000, Array("/scratch".utf8))
        return order
    }

    static var system: SystemFile {
        var file = SystemFile(order, metadataServer: host)
        if let host { _ = file.member(for: host) }
        return file
    }

    static let host = Host(user: "me", name: "n1", port: 22)
}
