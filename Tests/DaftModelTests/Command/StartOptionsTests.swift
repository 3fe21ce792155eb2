// How the options of `daft start` change a node's order.
import DaftCommand
import DaftModel
import DaftWire
import Testing

private let keys = SystemKeys(publicKey: Array(0x00...0x1f), secretKey: Array(0x20...0x3f))!

private func order(
    _ words: String..., environment: [String: String] = [:]
) throws(CommandError) -> (order: NodeOrder, wishes: StartOptions) {
    let options = try Options(
        arguments: ["start"].map { Array($0.utf8) } + words.map { Array($0.utf8) },
        environment: { environment[$0].map { Array($0.utf8) } }, table: .starting)
    let wishes = try StartOptions(options)
    var order = NodeOrder(rank: .metadataServer, system: keys, host: "h")
    wishes.apply(options, to: &order)
    return (order, wishes)
}

@Suite struct StartOptionsTests {
    @Test func nothingSaidIsDurableEncryptedAndPatient() throws {
        let (order, wishes) = try order()
        #expect(order == NodeOrder(rank: .metadataServer, system: keys, host: "h"))
        #expect(order.durable && order.encrypts && !order.rebuilds && order.copies == 1)
        #expect(wishes.ssh == ["ssh"] && wishes.patienceSeconds == 20 && !wishes.isAllOrNothing)
        #expect(wishes.metadataServer == nil)
    }

    @Test func everyOptionCounts() throws {
        let (order, wishes) = try order(
            "--no-durable", "--no-encrypt", "--rebuild", "--copies", "3", "--port", "5000", "--orphan-timeout", "2h",
            "--repair-after=90s", "--store", "/s", "--compress=3", "--chunk-size", "1M", "--mds", "me@m:23",
            "--ssh", "ssh -F 'a b'", "--launch-timeout", "5", "--all-or-nothing", "--ports", "4000-5000")
        #expect(order.ports == PortRange(4_000, 5_000))
        #expect(!order.durable && !order.encrypts && order.rebuilds)
        #expect((order.copies, order.port, order.compression) == (3, 5000, 3))
        #expect((order.orphanSeconds, order.repairAfterSeconds) == (7200, 90))
        #expect(order.store == Array("/s".utf8) && order.chunkSize == ChunkSize(1 << 20))
        #expect(wishes.ssh == ["ssh", "-F", "a b"] && wishes.patienceSeconds == 5 && wishes.isAllOrNothing)
        #expect(wishes.metadataServer == Host(user: "me", name: "m", port: 23))
    }

    @Test func theEnvironmentCountsWhereTheCommandLineIsSilent() throws {
        let variables = ["DAFT_ENCRYPT": "no", "DAFT_SSH": "rsh", "DAFT_DURABLE": "no", "DAFT_COPIES": "2"]
        let (told, wishes) = try order(environment: variables)
        #expect(!told.encrypts && !told.durable && told.copies == 2 && wishes.ssh == ["rsh"])
        #expect(try order("--encrypt", "--copies", "4", environment: variables).order.encrypts)
    }

    @Test(
        arguments: [
            ["--encrypt", "--no-encrypt"], ["--durable", "--no-durable"], ["--port", "65536"], ["--port", "0"],
            ["--mds", "m[1-2]"], ["--mds", "-m"], ["--orphan-timeout", "0"], ["--repair-after", "1y"],
            ["--ssh", " "], ["--ssh", "'"], ["--store", "s"], ["--catalogue", "~/c"], ["--copies", "0"],
            ["--ports", "5000-4000"], ["--ports", "0-9"], ["--ports", "1-65536"], ["--ports", "a-b"], ["--ports", "-"],
            ["--ports", "+1-9"], ["--ports", "10-20", "--port", "21"],
        ])
    func whatMakesNoSenseIsRefused(words: [String]) {
        #expect(throws: CommandError.self) {
            try StartOptions(
                Options(arguments: words.map { Array($0.utf8) }, environment: { _ in nil }, table: .starting))
        }
    }

    @Test func aRangeOfPortsIsTwoPortsOrOne() {
        #expect(PortRange(Array("5000-5100".utf8)) == PortRange(5_000, 5_100))
        #expect(PortRange(Array("5000".utf8)) == PortRange(5_000, 5_000))
        #expect(PortRange(5_000, 5_100)?.contains(5_100) == true && PortRange(1, 2)?.contains(3) == false)
        #expect(PortRange(0, 1) == nil && PortRange(Array("1-2-3".utf8)) == nil)
        #expect(PortRange(1, 65_535)?.description == "1-65535")
    }

    @Test func everyOptionStandsInTheTableOnce() {
        let names = OptionTable.starting.options.flatMap(\.names)
        #expect(Set(names).count == names.count)
        let variables = OptionTable.starting.options.compactMap(\.variable)
        #expect(Set(variables).count == variables.count)
    }
}
