// What decoders refuse, the reported offset, and bounded memory for claimed lengths.
import DaftCommand
import DaftModel
import Testing

@Suite struct RefusalTests {
    @Test func aListThatClaimsMoreThanTheInputHoldsIsRefusedAtOnce() {
        let claim: [UInt8] = [0xff, 0xff, 0xff, 0xff]
        #expect(throws: Malformed("set of 4294967295 words", at: 4)) { try BitSet(decoding: claim) }
        #expect(throws: Malformed("4294967295 more bytes", at: 4)) { try Name(decoding: claim) }
        #expect(throws: Malformed("list of 4294967295 Digest", at: 4)) { try Holding(decoding: claim + claim) }
    }

    @Test func aListMayHoldAsMuchAsIsThereAndNoMore() throws {
        var reader = ByteReader([2, 0, 0, 0] + [UInt8](repeating: 0, count: 8))
        #expect(try reader.list(of: Rank.self) == [Rank(0), Rank(0)])
        var short = ByteReader([3, 0, 0, 0] + [UInt8](repeating: 0, count: 11))
        #expect(throws: Malformed("list of 3 Rank", at: 4)) { try short.list(of: Rank.self) }
    }

    @Test func whatIsWrongIsNamedWithItsPlace() {
        #expect(throws: Malformed("extent", at: 0)) { try Extent(decoding: [2]) }
        #expect(throws: Malformed("record version", at: 0)) { try Record(decoding: [2, 1]) }
        #expect(throws: Malformed("kind of record", at: 1)) { try Record(decoding: [1, 8]) }
        #expect(throws: Malformed("u8", at: 0)) { try Record(decoding: []) }
        #expect(throws: Malformed("the end", at: 1)) { try Extent(decoding: [0, 0]) }
        #expect(throws: Malformed("UTF-8 text", at: 5)) { try Failure(decoding: [1, 0, 0, 0, 0, 1, 0, 0, 0, 0xff]) }
        var flag = ByteReader([7])
        #expect(throws: Malformed("flag of 0 or 1", at: 0)) { try flag.flag() }
    }

    @Test func aSetWithTrailingZerosIsNoSet() {
        #expect(throws: Malformed("set without trailing zeros", at: 12)) {
            try BitSet(decoding: [1, 0, 0, 0] + [UInt8](repeating: 0, count: 8))
        }
    }

    @Test(arguments: [Int64(-1), .max, 4097, 0])
    func aManifestHasAsManyChunksAsItsSizeAsksFor(size: Int64) {
        var writer = ByteWriter()
        writer.u8(1)
        writer.i64(size)
        writer.u32(4096)
        writer.list([ChunkID(bytes: [UInt8](repeating: 9, count: 32))!])
        #expect(throws: Malformed("as many chunks as the size asks for", at: 13)) {
            try Manifest(decoding: writer.bytes)
        }
    }

    @Test func aChunkSizeIsAMultipleOfThePageUpToTheLargest() {
        #expect(ChunkSize(0) == nil)
        #expect(ChunkSize(4095) == nil)
        #expect(ChunkSize(4097) == nil)
        #expect(ChunkSize((16 << 20) + 4096) == nil)
        #expect(ChunkSize(16 << 20)?.bytes == 16 << 20)
    }

    @Test func anEntryHasNoOtherModeTimeOrTarget() {
        let time = Time(seconds: 0, nanoseconds: 0).encoded
        #expect(throws: Malformed("mode", at: 1)) { try Entry(decoding: [1, 0x00, 0x10] + time) }
        #expect(throws: Malformed("nanoseconds", at: 8)) {
            try Time(decoding: [0, 0, 0, 0, 0, 0, 0, 0, 0x00, 0xca, 0x9a, 0x3b])
        }
        for target in [[], [UInt8](repeating: 1, count: 4096), [0]] {
            var writer = ByteWriter()
            writer.run(target)
            #expect(throws: Malformed("symlink target", at: 19 + target.count)) {
                try Entry(decoding: [2, 0, 0] + time + writer.bytes)
            }
        }
    }

    @Test func randomBytesNeverTrap() {
        var dice = SeededNumbers(seed: 11)
        var decoded = 0
        for _ in 0..<20_000 {
            var bytes = (0..<Int.random(in: 0...80, using: &dice)).map { _ in
                UInt8.random(in: 0...255, using: &dice) & (Bool.random(using: &dice) ? 0xff : 0x03)
            }
            if !bytes.isEmpty { bytes[0] = 1 }
            for (again, type) in forms(of: bytes) {
                decoded += 1
                #expect(again == bytes, "\(type) has a second form")
            }
        }
        #expect(decoded > 0)
    }

    /// What each type decodes from these bytes.
    private func forms(of bytes: [UInt8]) -> [(again: [UInt8], type: String)] {
        func form<T: Coded>(_ type: T.Type) -> (again: [UInt8], type: String)? {
            (try? T(decoding: bytes)).map { ($0.encoded, "\(type)") }
        }
        return [form(Record.self), form(Entry.self), form(Extent.self), form(BitSet.self), form(Failure.self)]
            .compactMap { $0 }
    }
}
