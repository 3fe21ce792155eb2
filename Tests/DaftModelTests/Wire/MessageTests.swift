// Golden bytes of every message between ranks, and robustness of their decoders.
import DaftModel
import DaftWire
import Testing

private let a = Digest(bytes: Array(0x00...0x1f))!
private let b = Digest(bytes: Array(0x20...0x3f))!
private let id = UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
private let time = Time(seconds: 1_700_000_000, nanoseconds: 5)
private let head = Head(state: 7, digest: 0x0102)
private let store = StoreInfo(id: id, host: "n1", path: Array("/tmp".utf8))
private let manifest = Manifest(size: 5000, chunkSize: ChunkSize(4096)!, chunks: [a, b])
private let named = NamedEntry(.root, Entry(.directory, mode: 0o755, mtime: time))
private let failure = Failure(.noSpace, "/a".utf8, node: "n3", "full")
private let span = Span(file: 1, first: 2, count: 3)
private let info = SourceFileInfo(
    path: Array("/s/a".utf8), size: 5000, mtime: time, ctime: time, device: 8, inode: 9, mode: 0o644)
private let chain = Chain([Rank(2), Rank(1)], readers: [1])
private let ingest = Ingest(
    offer: Offer(rank: Rank(2), number: 3), isHere: true, chain: chain, chunkSize: ChunkSize(4096)!,
    limit: ByteRate(5 << 20), files: [IngestFile(info: info, key: b, span: span, isPart: true, publishedContent: a)])
private let fetch = Fetch(below: [.root], state: 7, chain: chain, reports: true, limit: ByteRate(1024))

func expectForms<T: Coded>(_ values: [T], _ forms: [String], sourceLocation: SourceLocation = #_sourceLocation) {
    #expect(values.map { hexadecimal($0.encoded) } == forms, sourceLocation: sourceLocation)
    for value in values { survivesMutations(value, sourceLocation: sourceLocation) }
}

@Suite struct MessageTests {
    @Test func requestsHaveTheirForms() {
        expectForms(
            [
                .hello(Hello(store: store, head: head, system: id)), .delta(after: head),
                .publish(
                    Publication(
                        entries: [named],
                        contents: [
                            KeptContent(id: a, manifest: manifest, holdings: [StoreExtent(store: 1, .complete)])
                        ],
                        copies: .everywhere)),
                .hold([Holding([a], in: BitSet([0]), .complete)]), .members, .loading(a, begun: true),
                .doubt([b]), .poll(task: 5), .cancel(task: 6), .space,
                .identify(Offer(rank: Rank(2), number: 3), [span]), .ping,
                .joined([failure]), .quit, .underWay,
                .sees(info), .join, .wish(CopiesRequest([a], names: [.root], .atLeast(2))), .traced(from: 5),
                .offered(tree: 5, page: 1, done: [6]), .withdrawn(failure), .pace(offer: 3, [span]),
                .news(after: 7, milliseconds: 1_000),
            ] as [Request],
            requestForms)
    }

    @Test func ordersHaveTheirForms() {
        expectForms(
            [
                .order(.ingest(ingest)), .order(.settle([Settled(key: b, content: a, manifest: manifest)])),
                .order(.place([named])), .order(.fetch(fetch)), .order(.verify(below: [.root], state: 7)),
                .order(.discard([a])), .order(.replicate(Replicate([MissingContent(a, .complete)], state: 7))),
                .order(.repair(below: [.root])), .order(.leave(store: 3)), .order(.note([named])),
                .order(
                    .writeOut(
                        WriteOut(
                            name: .root, path: Array("/x".utf8), mode: 0o644, mtime: nil, isForced: true,
                            isTrial: false))),
                .order(.restore([named])),
                .order(.collect(Collect([Collect.Item(path: Array("out".utf8), name: .root)]))),
                .order(.offer(OfferOrder(number: 5, path: Array("out".utf8), chunkSize: ChunkSize(4096)!))),
                .order(.recognise([SourceIdentity(info)])), .order(.remember([KnownSource(SourceIdentity(info), a)])),
                .order(.inspect([named])),
            ] as [Request],
            orderForms)
    }

    @Test func repliesHaveTheirForms() {
        let progress = Progress(bytes: 1, totalBytes: 2, files: 3, totalFiles: 4)
        let record = JournalRecord(state: 7, bytes: [1, 2])
        expectForms(
            [
                .done, .failed(failure), .welcome(number: 2, head), .records(Delta(records: [record], head: head)),
                .forked,
                .published(7, [.new, .known, .refused(failure)]),
                .members([Member(rank: Rank(1), number: 0, store: store, isAlive: false, awayMilliseconds: 9)]),
                .loaders([Rank(3)]),
                .working(task: 5, progress),
                .space(Space(total: 9, free: 8, unfinished: 7)),
                .identified([.ids([a]), .failed(failure), .unknown]),
                .underWay(
                    Activity(
                        commands: [
                            RunningCommand(
                                host: "n1", commandText: Array("ls".utf8), milliseconds: 9, progress: progress)
                        ], traffic: Traffic(received: 5, sent: 6))),
                .traced(
                    TracePage(
                        [
                            TraceEvent(
                                .received, TraceEvent.Subject(chunk: a, content: b, number: 1), bytes: 4096,
                                peer: Rank(3), from: 5, to: 12, askedNanoseconds: 2),
                            TraceEvent(.read, TraceEvent.Subject(), chunks: 2, bytes: 7, from: 9, to: 8),
                        ], kept: 9, dropped: 4)),
                .offered(
                    OfferedPage(
                        offer: 5,
                        entries: [
                            OfferedEntry(Array("a".utf8), .file(size: 7), mode: 0o644, mtime: time),
                            OfferedEntry([], .directory, mode: 0o755, mtime: time),
                            OfferedEntry(Array("l".utf8), .symlink(Array("x".utf8)), mode: 0o777, mtime: time),
                        ], failures: [failure], isLast: true)),
                .wait(nanoseconds: 9),
            ] as [Reply],
            replyForms)
    }

    @Test func outcomesHaveTheirForms() {
        let lacking = MissingContent(a, .part(BitSet([1])))
        var collected = Collected()
        (collected.moved, collected.failures) = (1, [failure])
        expectForms(
            [
                .finished(.ingested([.whole(a, manifest), .part([b]), .failed(failure)], moved: 9)),
                .finished(.placed([failure])),
                .finished(.restored([failure], warnings: [])),
                .finished(.fetched(Fetched(files: 1, moved: 2, failures: [failure], lacking: [lacking]))),
                .finished(.verified(Verified(contents: 1, bytes: 2, corrupt: 3, repaired: 4, failures: [failure]))),
                .finished(.failed(failure)),
                .finished(.repaired(Repaired(copies: 1, bytes: 2, moved: 3, failures: [failure], warnings: []))),
                .finished(.collected(collected)),
                .finished(.recognised([SourceLookup(nil), SourceLookup(a)])), .finished(.inspected(BitSet([1]))),
            ] as [Reply],
            outcomeForms)
    }

    @Test func runsHaveTheirForms() {
        expectForms(
            [
                ChunkRun([
                    Piece(.kept(a), chunk: 1, length: 4096), Piece(.offered(offer: 3, file: 2), chunk: 0, length: 5),
                    Piece(.identified(b), chunk: 0, length: 7),
                ]),
                ChunkRun([], waits: true, compression: 3),
            ],
            runForms)
        expectForms(
            [
                PieceState.sent, .missing, .changed, .relayed, .packed(258, relayed: false), .packed(1, relayed: true),
            ], ["00", "01", "02", "03", "0402010000", "0501000000"])
    }

    @Test func piecesLieOneBehindTheOther() {
        let run = ChunkRun([
            Piece(.kept(a), chunk: 0, length: 7), Piece(.kept(b), chunk: 0, length: 0),
            Piece(.kept(a), chunk: 1, length: 5),
        ])
        #expect(run.offsets == [0, 7, 7])
        #expect(run.byteCount == 12)
    }
}

private let requestForms = [
    "010100112233445566778899aabbccddeeff020000006e31040000002f746d7007000000000000000201000000000000"
        + "0100112233445566778899aabbccddeeff",
    "010207000000000000000201000000000000",
    "011301000000010000002f01ed0100f15365000000000500000001000000000102030405060708090a0b0c0d0e0f1011"
        + "12131415161718191a1b1c1d1e1f0188130000000000000010000002000000000102030405060708090a0b0c0d0e0f10"
        + "1112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f01"
        + "00000001000000000001",
    "01040100000001000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f010000000100"
        + "00000000000000",
    "0105",
    "0106000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f01",
    "010801000000202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f",
    "010a0500000000000000",
    "010b0600000000000000",
    "010c",
    "010d02000000030000000000000001000000010000000200000003000000",
    "010e",
    "010f0100000007020000002f61020000006e330400000066756c6c",
    "0110",
    "0111",
    "0112040000002f732f61881300000000000000f15365000000000500000000f153650000000005000000080000000000"
        + "00000900000000000000a401",
    "0114",
    "011501000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f01000000010000002f0200",
    "011605000000",
    "01170500000000000000" + "01000000" + "01000000" + "0600000000000000",
    "011807020000002f61020000006e330400000066756c6c",
    "01190300000000000000" + "01000000" + "010000000200000003000000",
    "011a0700000000000000" + "e8030000",
]

private let orderForms = [
    "0109010200000003000000000000000101020000000200000001000000010000000100000000100000" + "0000500000000000"
        + "01000000040000002f732f61881300000000000000f15365000000000500000000f15365000000000500000008000000"
        + "000000000900000000000000a401202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0100"
        + "00000200000003000000" + "0101000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "01090201000000202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f000102030405060708"
        + "090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f01881300000000000000100000020000000001020304050607"
        + "08090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
        + "38393a3b3c3d3e3f",
    "01090301000000010000002f01ed0100f153650000000005000000",
    "01090401000000010000002f070000000000000001020000000200000001000000010000000100000001"
        + "0004000000000000",
    "01090501000000010000002f0700000000000000",
    "01090601000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "01090701000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f000700000000000000",
    "01090801000000010000002f",
    "01090903000000",
    "01090a01000000010000002f01ed0100f153650000000005000000",
    "01090c010000002f020000002f78a401000100", "01091101000000010000002f01ed0100f153650000000005000000",
    "01090b01000000030000006f7574010000002f",
    "01090d0500000000000000030000006f757400100000",
    "01090e01000000" + identityForm,
    "01090f01000000" + identityForm + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "01091001000000010000002f01ed0100f153650000000005000000",
]

private let identityForm =
    "08000000000000000900000000000000881300000000000000f15365"
    + "000000000500000000f153650000000005000000"

private let replyForms = [
    "0101",
    "010207020000002f61020000006e330400000066756c6c",
    "01030200000007000000000000000201000000000000",
    "01040101000000070000000000000002000000010207000000000000000201000000000000",
    "0105",
    "010607000000000000000300000000010207020000002f61020000006e330400000066756c6c",
    "010f01000000010000000000000000112233445566778899aabbccddeeff020000006e31040000002f746d70000900000000"
        + "000000",
    "01080100000003000000",
    "010a05000000000000000100000000000000020000000000000003000000000000000400000000000000",
    "0110090000000000000008000000000000000700000000000000",
    "010d030000000101000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0007020000"
        + "002f61020000006e330400000066756c6c02",
    "011101000000020000006e31020000006c730900000000000000010000000000000002000000000000000300000000000000"
        + "0400000000000000" + "0500000000000000" + "0600000000000000",
    "01120200000002010001020304050607012021222324252627010000000100000000100000000000000103000000050000"
        + "000000000007000000000000000300000000000000"
        + "00000000000000020000000700000000000000000900000000000000000000000000000000000000000000000900000004"
        + "00000000000000",
    "01130500000000000000030000000100000061a40100f15365000000000500000001070000000000000000000000ed01"
        + "00f15365000000000500000002010000006cff0100f1536500000000050000000301000000780100000007020000002f"
        + "61020000006e330400000066756c6c0000000001",
    "01140900000000000000",
]

private let outcomeForms = [
    "010b010300000001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f0188130000000000"
        + "000010000002000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20212223242526"
        + "2728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f0201000000202122232425262728292a2b2c2d2e2f3031"
        + "32333435363738393a3b3c3d3e3f0307020000002f61020000006e330400000066756c6c0900000000000000",
    "010b020100000007020000002f61020000006e330400000066756c6c",
    "010b0b0100000007020000002f61020000006e330400000066756c6c00000000",
    "010b03010000000000000002000000000000000100000007020000002f61020000006e330400000066756c6c01000000"
        + "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f01010000000200000000000000",
    "010b0401000000000000000200000000000000030000000000000004000000000000000100000007020000002f610200"
        + "00006e330400000066756c6c",
    "010b0507020000002f61020000006e330400000066756c6c",
    "010b060100000000000000020000000000000003000000000000000100000007020000002f61020000006e33040000006675"
        + "6c6c00000000",
    "010b0801000000000000000100000007020000002f61020000006e330400000066756c6c00000000",
    "010b09020000000001000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
    "010b0a010000000200000000000000",
]

private let runForms = [
    "0100000300000000000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f010000000010000001"
        + "030000000000000002000000000000000500000002202122232425262728292a2b2c2d2e2f3031323334353637383"
        + "93a3b3c3d3e3f0000000007000000",
    "01010300000000",
]
