// The examples in docs/formats.md match what the code reads and writes.
import DaftCommand
import DaftModel
import DaftWire
import Foundation
import Testing

/// The examples by the type named at their block: ```` ```hex Name ````.
private func documented() throws -> [String: any Coded] {
    let a = Digest(bytes: Array(0x00...0x1f))!
    let b = Digest(bytes: Array(0x20...0x3f))!
    let id = UniqueID(high: 0x0011_2233_4455_6677, low: 0x8899_AABB_CCDD_EEFF)
    let time = Time(seconds: 1_700_000_000, nanoseconds: 5)
    var command = DoorCommand(
        .arguments([Array("get".utf8), Array("/a".utf8)]), in: Array("/tmp".utf8))
    command.columns = 80
    var order = NodeOrder(rank: Rank(1), system: SystemKeys(publicKey: a.bytes, secretKey: b.bytes)!, host: "n1")
    (order.metadataServer, order.port) = (["10.0.0.1"], 12345)
    order.ports = PortRange(12_300, 12_400)
    let values: [any Coded] = [
        id, try Name("/set/a"), time, BitSet([0, 2, 65]), Extent.part(BitSet([1])),
        Manifest(size: 5000, chunkSize: ChunkSize(4096)!, chunks: [a, b]),
        Entry(.symlink(Array("../x".utf8)), mode: 0o777, mtime: time),
        NamedEntry(try Name("/d"), Entry(.directory, mode: 0o755, mtime: time)),
        StoreInfo(id: id, host: "n1", path: Array("/tmp".utf8)),
        Holding([a, b], in: BitSet([0, 3]), .complete),
        CopiesRequest([a], .atLeast(2)),
        Record.holding(Holding([a], in: BitSet([0]), .part(BitSet([4])))),
        Head(state: 7, digest: 0x0102),
        Failure(.noSpace, "/a".utf8, node: "n3", "disk full"),
        Request.loading(a, begun: true),
        Reply.working(task: 5, Progress(bytes: 1, totalBytes: 2, files: 3, totalFiles: 4)),
        ChunkRun([Piece(.kept(a), chunk: 1, length: 4096)]),
        ClientMessage.begin(command), DoorMessage.errors(Array("no\n".utf8)),
        Host(user: "me", name: "n1", port: 2222)!,
        SystemMember(rank: Rank(1), host: Host(name: "n1")!, indexOnHost: 0),
        MembershipMessage.book(
            AddressBook(
                edition: 3,
                [RankAddress(rank: Rank(1), incarnation: 5, address: "10.0.0.2", talkPort: 4_000, bulkPort: 4_001)])),
        order, NodeReport(pid: 1234, store: Array("/s".utf8)),
    ]
    return Dictionary(uniqueKeysWithValues: values.map { ("\(type(of: $0))", $0) })
}

@Suite struct FormatPageTests {
    @Test func everyExampleOfThePageIsWhatTheCodeWrites() throws {
        let page = URL(filePath: #filePath).appending(path: "../../../../docs/formats.md").standardized
        let shown = examples(in: try String(contentsOf: page, encoding: .utf8))
        let written = try documented().mapValues { hexadecimal($0.encoded) }
        #expect(shown == written)
    }

    /// The bytes of each hexadecimal block, by type, without comments and spaces.
    private func examples(in page: String) -> [String: String] {
        var examples: [String: String] = [:]
        var type: String?
        for line in page.split(separator: "\n") {
            if line.hasPrefix("```") {
                type = line.hasPrefix("```hex ") ? String(line.dropFirst("```hex ".count)) : nil
            } else if let type {
                examples[type, default: ""] += line.prefix { $0 != "#" }.filter { $0 != " " }
            }
        }
        return examples
    }
}
