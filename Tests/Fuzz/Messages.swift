// Fuzz targets for messages between ranks, clients and nodes, and for journal records.

import CZstd
import DaftCommand
import DaftModel
import DaftPlan
import DaftWire
@testable import DaftLaunch
@testable import DaftLink
@testable import DaftZMQ

extension Target {
    static let requests = Target(name: "requests", seeds: { requestSeeds.flatMap { Hostile.forms(of: $0.encoded) } }) {
        bytes in
        guard let request = decoded(Request.self, bytes) else { return }
        if case .identify(_, let spans) = request { for span in spans { _ = span.chunks } }
        if case .order(let order) = request { walk(order) }
    }

    static let replies = Target(name: "replies", seeds: { replySeeds.flatMap { Hostile.forms(of: $0.encoded) } }) {
        bytes in
        guard let reply = decoded(Reply.self, bytes) else { return }
        switch reply {
        case .failed(let failure): _ = failure.description
        case .members(let members): for member in members { _ = BitSet([member.number]) }
        case .welcome(let number, _): _ = BitSet([number])
        case .space(let space): fit(space)
        case .working(_, let progress): _ = progress + progress
        case .traced(let page): _ = TraceLines.part(rank: Rank(1), host: "n1", page.events)
        default: break
        }
    }

    static let records = Target(
        name: "records",
        seeds: { forms(0, Sample.records) + forms(1, [Sample.delta]) + forms(2, [Sample.head]) }
    ) { bytes in
        let choice = Choice(bytes, of: 3)
        choice.take(0, as: Record.self) { if case .holding(let holding) = $0 { walk(holding.extent) } }
        choice.take(1, as: Delta.self) { delta in
            _ = delta.isLast
            for record in delta.records { _ = decoded(Record.self, record.bytes) }
        }
        choice.take(2, as: Head.self)
    }

    static let manifests = Target(
        name: "manifests",
        seeds: { forms(0, [Sample.manifest]) + forms(1, [Sample.part, .complete]) + forms(2, [BitSet(below: 130)]) }
    ) { bytes in
        let choice = Choice(bytes, of: 3)
        choice.take(0, as: Manifest.self) { manifest in
            let sum = manifest.chunks.indices.reduce(Int64(0)) { $0 + Int64(manifest.length(of: $1)) }
            require(sum == manifest.size, "chunks of \(sum) bytes in a content of \(manifest.size)")
            for chunk in manifest.chunks.indices {
                require(manifest.length(of: chunk) > 0 && manifest.offset(of: chunk) < manifest.size, "an odd chunk")
            }
        }
        choice.take(1, as: Extent.self, walk)
        choice.take(2, as: BitSet.self, walk)
    }

    static let runs = Target(
        name: "runs",
        seeds: { forms(0, [Sample.run]) + forms(1, [Sample.states]) + [joined(Sample.run, Sample.states)] }
    ) { bytes in
        let choice = Choice(bytes, of: 3)
        choice.take(0, as: ChunkRun.self) { require($0.offsets.count == $0.pieces.count, "offsets of a run") }
        choice.take(1, as: PieceStates.self)
        choice.take(2) { bytes in
            var reader = ByteReader(bytes)
            guard let run = try? ChunkRun(from: &reader), let states = try? PieceStates(from: &reader).states else {
                return
            }
            guard states.count == run.pieces.count else { return }
            var end = 0
            for range in run.ranges(of: states) {
                require(range.lowerBound >= end && range.upperBound <= run.byteCount, "a range outside of its run")
                end = range.upperBound
            }
        }
    }

    static let envelopes = Target(name: "envelopes", seeds: { envelopeSeeds }) { bytes in
        // zstd's working memory is some hundred kilobytes.
        _ = decoded(Envelope.self, bytes, hasOneForm: false, freeBytes: 4 << 20)
    }

    static let carriers = Target(
        name: "carriers",
        seeds: { forms(0, wordSeeds) + [[1] + Caller(Rank(1), to: Rank(2), 3).name] + forms(2, [RankAddress.sample]) }
    ) { bytes in
        let choice = Choice(bytes, of: 3)
        choice.take(0, as: MembershipMessage.self) { word in
            guard case .book(var book) = word, let first = book.entries.first else { return }
            require(book[first.rank] == first, "the first of that rank")
            if book.edition < .max { book.note(first) }
        }
        choice.take(1) { bytes in
            guard let caller = Memory.bounded(bytes.count, { Caller(bytes) }) else { return }
            require(caller.name == bytes, "a caller has a second name")
        }
        choice.take(2, as: RankAddress.self)
    }

    static let door = Target(name: "door", seeds: { doorSeeds }) { bytes in
        let choice = Choice(bytes, of: 2)
        choice.take(0, as: ClientMessage.self) { message in
            if case .begin(let command) = message { _ = try? Command(command.commandText) }
        }
        choice.take(1, as: DoorMessage.self)
    }

    static let nodes = Target(name: "nodes", seeds: { nodeSeeds }) { bytes in
        let choice = Choice(bytes, of: 4)
        choice.take(0, as: NodeOrder.self)
        choice.take(1, as: NodeReport.self)
        choice.take(2, as: SystemFile.self) { file in
            guard let host = Sample.host else { return }
            var file = file
            let member = file.member(for: host)
            let order = file.order(for: member, metadataServer: ["a"])
            _ = (file.encoded, order.encoded)
        }
        choice.take(3) { bytes in
            var reader = LineReader(longestBytes: 2_048)
            var last = LastLines()
            last.add(bytes)
            _ = last.taken()
            for line in reader.lines(bytes) {
                guard let word = NodeMessage(line: line) else { continue }
                require(NodeMessage(line: Array(word.line.utf8.dropLast())) == word, "a word does not come back")
            }
        }
    }
}

// MARK: traversal

private func walk(_ order: Order) {
    switch order {
    case .ingest(let ingest):
        ingest.chain.map(walk)
        for file in ingest.files { _ = (file.span.chunks, ingest.chunkSize.count(of: file.info.size)) }
    case .fetch(let fetch): fetch.chain.map(walk)
    case .replicate(let replicate): for lack in replicate.wanted { walk(lack.extent) }
    case .leave(let store): _ = BitSet([store])
    default: break
    }
}

private func walk(_ chain: Chain) {
    for rank in chain.ranks.prefix(8) {
        _ = chain.upstream(of: rank)
        _ = chain.distance(from: rank, upTo: chain.ranks[0])
    }
    for index in 0..<5 { _ = chain.reader(of: index, among: 5) }
}

func walk(_ extent: Extent) { if case .part(let chunks) = extent { walk(chunks) } }

func walk(_ set: BitSet) {
    let members = Array(set)
    require(members.count == set.count && members.last.map { $0 + 1 } ?? 0 == set.bound, "members of a set")
    require(members.allSatisfy(set.contains) && BitSet(members) == set, "a set of its members")
    var rest = set
    rest.subtract(BitSet(members.prefix(1)))
    require(rest.count == max(0, members.count - 1), "a set without its first member")
    require(set.first(from: set.bound / 2) == members.first { $0 >= set.bound / 2 } ?? members.first, "the first from")
}

private func fit(_ space: Space) {
    let server = FreeSpace.Server(store: 0, host: "n", path: [], space: space)
    let room = FreeSpace([server, server])
    _ = (room.least, room.refusals { _ in .max }, room.refusals(ofSpread: .max))
}

// MARK: seeds

private let requestSeeds: [Request] = [
    .hello(Hello(store: Sample.store, head: Sample.head, system: Sample.id)), .delta(after: Sample.head),
    .publish(Sample.publication), .hold([Holding([Sample.digest(1)], in: BitSet([0]), Sample.part)]), .members,
    .loading(Sample.digest(1), begun: true), .doubt(Sample.contents), .poll(task: 5),
    .cancel(task: 6), .space, .identify(Offer(rank: Rank(2), number: 3), [Sample.span, Sample.span]), .ping,
    .joined([Sample.failure]), .withdrawn(Sample.failure), .quit, .pace(offer: 3, [Sample.span]),
    .news(after: 7, milliseconds: 1_000), .underWay,
    .sees(Sample.info), .join,
    .traced(from: 5),
    .wish(CopiesRequest(Sample.contents, names: [.root], .atLeast(2))), .order(.ingest(Sample.ingest)),
    .order(.settle([Settled(key: Sample.digest(2), content: Sample.digest(1), manifest: Sample.manifest)])),
    .order(.place([Sample.directory, Sample.file, Sample.symlink])),
    .order(.fetch(Fetch(below: [.root], state: 7, chain: Sample.chain, reports: true, limit: ByteRate(1024)))),
    .order(.verify(below: [.root], state: 7)), .order(.discard(Sample.contents)),
    .order(.replicate(Replicate([MissingContent(Sample.digest(1), Sample.part)], state: 7))),
    .order(.repair(below: [.root])), .order(.leave(store: 3)), .order(.note([Sample.file])),
    .order(.writeOut(Sample.writeOut)), .order(.restore([Sample.file])),
    .order(.recognise([SourceIdentity(Sample.info)])),
    .order(.remember([KnownSource(SourceIdentity(Sample.info), Sample.digest(1))])),
    .order(.inspect([Sample.directory, Sample.file, Sample.symlink])),
    .order(.collect(Collect([Collect.Item(path: Array("out".utf8), name: .root)]))),
    .order(.offer(OfferOrder(number: 5, path: Array("out".utf8), chunkSize: .standard))),
    .offered(tree: 5, page: 1, done: [6]),
]

private let replySeeds: [Reply] = {
    var collected = Collected()
    (collected.moved, collected.failures) = (1, [Sample.failure])
    let member = Member(rank: Rank(1), number: 0, store: Sample.store, isAlive: false, awayMilliseconds: 9)
    let underWay = RunningCommand(
        host: "n1", commandText: Array("ls".utf8), milliseconds: 9, progress: Sample.progress)
    let lacking = MissingContent(Sample.digest(1), Sample.part)
    let event = TraceEvent(
        .received, TraceEvent.Subject(chunk: Sample.digest(1), content: Sample.digest(2), number: 1), bytes: 4096,
        peer: Rank(3), from: 5, to: 12, askedNanoseconds: 2)
    return [
        .done, .failed(Sample.failure), .welcome(number: 2, Sample.head), .records(Sample.delta), .forked,
        .published(7, [.new, .known, .refused(Sample.failure)]), .members([member]), .loaders([Rank(3)]),
        .working(task: 5, Sample.progress),
        .space(Space(total: 9, free: 8, unfinished: 7)), .wait(nanoseconds: 9),
        .identified([.ids(Sample.contents), .failed(Sample.failure), .unknown]),
        .underWay(Activity(commands: [underWay], traffic: Traffic(received: 1, sent: 2))),
        .traced(TracePage([event, event], kept: 2, dropped: 1)),
        .finished(
            .ingested(
                [.whole(Sample.digest(1), Sample.manifest), .part(Sample.contents), .failed(Sample.failure)],
                moved: 9)),
        .finished(.placed([Sample.failure])),
        .finished(.restored([Sample.failure], warnings: [Sample.failure])),
        .finished(.fetched(Fetched(files: 1, moved: 2, failures: [Sample.failure], lacking: [lacking]))),
        .finished(.verified(Verified(contents: 1, bytes: 2, corrupt: 3, repaired: 4, failures: [Sample.failure]))),
        .finished(.failed(Sample.failure)),
        .finished(.repaired(Repaired(copies: 1, bytes: 2, moved: 3, failures: [Sample.failure]))),
        .finished(.collected(collected)),
        .offered(
            OfferedPage(
                offer: 5,
                entries: [
                    OfferedEntry(Array("a".utf8), .file(size: 7), mode: 0o644, mtime: .zero),
                    OfferedEntry([], .directory, mode: 0o755, mtime: .zero),
                    OfferedEntry(Array("l".utf8), .symlink(Array("x".utf8)), mode: 0o777, mtime: .zero),
                ], failures: [Sample.failure], isLast: true)),
        .finished(.recognised([SourceLookup(nil), SourceLookup(Sample.digest(1))])),
        .finished(.inspected(BitSet([1, 65]))),
    ]
}()

extension RankAddress {
    fileprivate static let sample = RankAddress(
        rank: Rank(1), incarnation: 9, address: "10.0.0.1", talkPort: 1, bulkPort: 2)
}

private let wordSeeds: [MembershipMessage] = [
    .introduce(talkPort: 1, bulkPort: 2), .heartbeat(edition: 3), .heartbeatReply(edition: 4),
    .book(AddressBook(edition: 2, [.sample, .sample])), .unknownProcess, .bulk(token: [1, 2, 3]), .farewell,
]

private let envelopeSeeds: [[UInt8]] = {
    let long = [UInt8](repeating: 7, count: 5_000) + (0..<2_000).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 3) }
    let forms = [Envelope(.call, 5, [1, 2, 3]), Envelope(.loaded, .max), Envelope(.carriers, 7, long)].flatMap {
        Hostile.forms(of: $0.encoded)
    }
    return forms + [0, 1 << 16, 1 << 24, 1 << 30].map { Envelope.compression(zeros: $0) }
}()

extension Envelope {
    /// A decompression bomb.
    static func compression(zeros count: Int) -> [UInt8] {
        let zeros = [UInt8](repeating: 0, count: count)
        var packed = [UInt8](repeating: 0, count: ZSTD_compressBound(count))
        let size = ZSTD_compress(&packed, packed.count, zeros, zeros.count, 1)
        var writer = ByteWriter()
        writer.u8(Envelope.version)
        writer.u8(Kind.call.rawValue)
        writer.u64(1)
        writer.flag(true)
        writer.run(packed[..<size])
        return writer.bytes
    }
}

private let doorSeeds: [[UInt8]] = {
    let arguments = CommandText.arguments(["put", "a", "--as", "/x"].map { Array($0.utf8) })
    let lines = ["ls -lc /set", "put 'a b' \"c\\x41\" d\\@n3 @n1", "!date", "# x"].map {
        CommandText.line(Array($0.utf8))
    }
    let commands = ([arguments] + lines).map { ClientMessage.begin(DoorCommand($0, in: [Name.slash])) }
    return forms(0, commands + [.credit(bytes: 65_536), .signal(2), .alive, .outputClosed])
        + forms(
            1, [.output([1, 2]), .errors([3]), .end(status: 4), .alive, .refused(Sample.failure)] as [DoorMessage])
}()

private let nodeSeeds: [[UInt8]] = {
    var report = NodeReport(pid: 5, store: Array("/s".utf8))
    (report.addresses, report.warnings) = (["10.0.0.1"], [Sample.failure])
    let words: [NodeMessage] = [.have, .need, .ready(report), .failed(Sample.failure)]
    return forms(0, [Sample.order]) + forms(1, [report]) + forms(2, [Sample.system])
        + words.map { [3] + Array($0.line.utf8) } + [[3] + Array("sh: not found\r\n\n\u{1b}[31mred\n".utf8)]
}()

private func joined(_ run: ChunkRun, _ states: PieceStates) -> [UInt8] {
    [2] + run.encoded + PieceStates(Array(states.states.prefix(run.pieces.count))).encoded
}
