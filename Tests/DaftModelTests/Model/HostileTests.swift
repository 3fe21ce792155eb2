// Regressions found by fuzzing: inputs that crashed or took excessive memory.
import DaftCommand
import DaftModel
import DaftPlan
import DaftWire
import Testing

@Suite struct HostileTests {
    @Test func anAccentOnADashIsAnUnknownOption() throws {
        let word: [UInt8] = [0x2d, 0xdb, 0x9c]
        for table in [OptionTable.common, .job, .starting] {
            #expect(throws: CommandError.self) {
                try Options(arguments: [word], environment: { _ in nil }, table: table)
            }
        }
        #expect(throws: CommandError.self) { try Command(line: Array("ls ".utf8) + word) }
        #expect(throws: CommandError.self) { try Command(arguments: [Array("ls".utf8), word]) }
    }

    @Test func aRangeRepeatsNoNameThatIsTooLong() throws {
        let long = String(repeating: "x", count: 256)
        for word in ["\(long)[1-4096]", "n[1-2]\(long)", "[1-2]\(long)[1-4096]"] {
            let error = #expect(throws: CommandError.self) { try hosts(word.utf8) }
            #expect(error?.reason == "a host's name has at most 255 letters")
        }
        // Many numbers make a long word, but no long name.
        let numbers = (1...2_000).map { "\($0)" }.joined(separator: ",")
        #expect(try hosts("n[\(numbers)]".utf8).count == 2_000)
    }

    @Test func aNumberOfARankOrStoreIsNoneThatMemoryCouldNotHold() throws {
        for number in [UInt32.max, 1 << 31, 1 << 24] {
            let bytes = (0..<4).map { UInt8(number >> ($0 * 8) & 255) }
            #expect(throws: Malformed("number of a rank or store", at: 0)) { try Rank(decoding: bytes) }
            #expect(throws: Malformed("number of a rank or store", at: 0)) { try StoreExtent(decoding: bytes + [0]) }
            #expect(throws: Malformed("number of a rank or store", at: 1)) { try Order(decoding: [9] + bytes) }
            #expect(throws: Malformed("number of a rank or store", at: 2)) {
                try Reply(decoding: [1, 3] + bytes + Head.empty.encoded)
            }
        }
        #expect(try Rank(decoding: Rank(1 << 24 - 1).encoded) == Rank(1 << 24 - 1))
    }

    @Test(arguments: [Int64(-1), .min, .max, 1 << 53 + 1])
    func anAmountIsNothingThatCouldNotBeSummed(amount: Int64) {
        var writer = ByteWriter()
        for _ in 0..<4 { writer.i64(amount) }
        #expect(throws: Malformed("amount", at: 0)) { try Progress(decoding: writer.bytes) }
        #expect(throws: Malformed("amount", at: 0)) { try Space(decoding: Array(writer.bytes.prefix(24))) }
        writer.list([Failure]())
        #expect(throws: Malformed("amount", at: 0)) { try Verified(decoding: writer.bytes) }
    }

    @Test func aDiskThatSaysItIsEndlessIsAVeryLargeOne() throws {
        let space = Space(total: .max, free: .max, unfinished: -1)
        #expect(try Space(decoding: space.encoded) == space)
        #expect((space.total, space.free, space.unfinished) == (1 << 53, 1 << 53, 0))
        let servers = (0..<1_000).map { FreeSpace.Server(store: $0, host: "n\($0)", path: [], space: space) }
        #expect(FreeSpace(servers).refusals(ofSpread: .max).isEmpty == false)
    }
}
