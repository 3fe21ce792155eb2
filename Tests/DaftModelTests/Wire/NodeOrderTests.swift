// Golden bytes of node orders and reports, and robustness of the decoders.
import DaftModel
import DaftWire
import Testing

private let keys = SystemKeys(publicKey: Array(0x00...0x1f), secretKey: Array(0x20...0x3f))!
private let hexKeys =
    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
    + "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"

@Suite struct NodeOrderTests {
    @Test func anOrderHasItsForm() {
        var order = NodeOrder(rank: Rank(2), system: keys, host: "n1")
        let plain =
            "04" + "02000000" + hexKeys + "020000006e31" + "00000000" + "0000" + "00000000" + "00000000" + "0000"
            + "00000000" + "00000000"
            + "00004000" + "00" + "0101" + "80510100" + "58020000" + "01" + "0000" + "00" + "02"
        expectForms([order], [plain])
        order.metadataServer = ["10.0.0.1", ""]
        (order.port, order.ports) = (0x1234, PortRange(5_000, 5_100))
        (order.store, order.indexOnHost, order.catalogue) = (Array("/s".utf8), 1, Array("/c".utf8))
        order.group = Array("lab".utf8)
        (order.chunkSize, order.compression, order.durable, order.encrypts) = (ChunkSize(4096)!, 19, false, false)
        (order.orphanSeconds, order.repairAfterSeconds, order.copies) = (1, 2, 3)
        (order.expected, order.rebuilds, order.logLevel) = (4, true, .debug)
        expectForms(
            [order],
            [
                "04" + "02000000" + hexKeys + "020000006e31" + "02000000" + "0800000031302e302e302e31" + "00000000"
                    + "3412" + "8813ec13" + "020000002f73" + "0100" + "020000002f63"
                    + "030000006c6162" + "00100000" + "13" + "0000"
                    + "01000000"
                    + "02000000" + "03" + "0400" + "01" + "03"
            ])
    }

    @Test func aReportHasItsForm() {
        var report = NodeReport(pid: 5, store: Array("/s".utf8))
        expectForms([report], ["01" + "05000000" + "0000" + "00" + "020000002f73" + "00000000" + "00000000"])
        (report.port, report.isResumed) = (0x1234, true)
        report.addresses = ["::"]
        report.warnings = [Failure(.failed, [], "no")]
        expectForms(
            [report],
            [
                "01" + "05000000" + "3412" + "01" + "020000002f73" + "01000000" + "020000003a3a" + "01000000"
                    + "0100000000" + "00000000"
                    + "020000006e6f"
            ])
    }

    @Test func aPathThatIsRelativeToNothingIsRefused() {
        var order = NodeOrder(rank: Rank(1), system: keys, host: "n1")
        order.store = Array("s".utf8)
        #expect(throws: Malformed.self) { try NodeOrder(decoding: order.encoded) }
        order.store = [0x2f, 0]
        #expect(throws: Malformed.self) { try NodeOrder(decoding: order.encoded) }
    }

    @Test func portsThatAreNoRangeAreRefused() {
        var bytes = NodeOrder(rank: Rank(1), system: keys, host: "").encoded
        bytes.replaceSubrange(79..<83, with: [2, 0, 1, 0])
        #expect(throws: Malformed.self) { try NodeOrder(decoding: bytes) }
    }

    @Test func moreAddressesThanBytesAreRefused() {
        var bytes = NodeOrder(rank: Rank(1), system: keys, host: "").encoded
        bytes.replaceSubrange(73..<77, with: [0xff, 0xff, 0xff, 0xff])
        #expect(throws: Malformed.self) { try NodeOrder(decoding: bytes) }
    }

    @Test func keysAreThirtyTwoBytes() {
        #expect(SystemKeys(publicKey: [1], secretKey: keys.secretKey) == nil)
        #expect(SystemKeys(publicKey: keys.publicKey, secretKey: []) == nil)
    }

    @Test func theSecretIsNeverShown() {
        let order = NodeOrder(rank: Rank(1), system: keys, host: "n1")
        var dumped = ""
        dump(order, to: &dumped)
        for text in ["\(keys)", String(reflecting: keys), "\(order)", String(reflecting: order), dumped] {
            #expect(!text.contains("33") && !text.contains("0x21"), "\(text)")
            #expect(text.contains("keys 00010203…"), "\(text)")
        }
    }
}
