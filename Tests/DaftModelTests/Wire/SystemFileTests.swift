// Golden bytes of the system file, and rank assignment.
import DaftCommand
import DaftModel
import DaftWire
import Testing

private let keys = SystemKeys(publicKey: Array(0x00...0x1f), secretKey: Array(0x20...0x3f))!
private let order = NodeOrder(rank: .metadataServer, system: keys, host: "h")

@Suite struct SystemFileTests {
    @Test func hasItsForm() {
        var file = SystemFile(order, metadataServer: nil)
        expectForms([file], ["01" + hexadecimal(order.encoded) + "00" + "00000000"])
        file.metadataServer = Host(name: "m")
        _ = file.member(for: Host(user: "u", name: "n", port: 22)!)
        expectForms(
            [file],
            [
                "01" + hexadecimal(order.encoded) + "01" + "00000000" + "010000006d" + "0000" + "01000000" + "01000000"
                    + "0100000075" + "010000006e" + "1600" + "0000"
            ])
    }

    @Test func aHostKeepsItsRankAndOthersGetTheNext() throws {
        var file = SystemFile(order, metadataServer: nil)
        let hosts = try HostFile("n1\nn2\nN1:23\n".utf8, path: "").hosts
        #expect(hosts.map { file.member(for: $0).rank.number } == [1, 2, 3])
        #expect(file.member(for: hosts[1]).rank == Rank(2))
        #expect(file.members.map(\.indexOnHost) == [0, 0, 1])
        #expect(file.member(for: Host(name: "n9")!).rank == Rank(4))
    }

    @Test func aRankThatIsGivenTwiceIsRefused() {
        var file = SystemFile(order, metadataServer: nil)
        _ = file.member(for: Host(name: "a")!)
        _ = file.member(for: Host(name: "b")!)
        let bytes = file.encoded
        let second = bytes.count - SystemMember.minimumSize - 1
        for rank in [UInt8(0), 1] {
            var changed = bytes
            #expect(changed[second] == 2)
            changed[second] = rank
            #expect(throws: Malformed.self) { try SystemFile(decoding: changed) }
        }
    }

    @Test func aDataServerIsToldOfTheMetadataServer() {
        var system = order
        (system.port, system.catalogue, system.expected, system.rebuilds) = (5, Array("/c".utf8), 3, true)
        var file = SystemFile(system, metadataServer: nil)
        let told = file.order(for: file.member(for: Host(name: "n1")!), metadataServer: ["10.0.0.1"])
        var expected = NodeOrder(rank: Rank(1), system: keys, host: "n1")
        (expected.metadataServer, expected.port) = (["10.0.0.1"], 5)
        #expect(told == expected)
    }
}
