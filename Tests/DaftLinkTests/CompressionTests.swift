// Malicious compressed bytes must not write outside their piece.
import CZstd
import DaftWire
import Testing

@testable import DaftLink

/// Compressed by zstd itself.
func frame(_ bytes: [UInt8]) -> [UInt8] {
    var room = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    return Array(room[..<ZSTD_compress(&room, room.count, bytes, bytes.count, 1)])
}

@Suite struct CompressionTests {
    /// A slab of three pieces: 64 bytes, `length`, and 64 bytes; the middle one arrived as `packed`.
    private func unpacked(_ packed: [UInt8], length: Int) async -> (before: [UInt8], piece: [UInt8], behind: [UInt8]) {
        let run = ChunkRun(
            [64, length, 64].map { Piece(.offered(offer: 1, file: 0), chunk: 0, length: $0) }, compression: 1)
        let slabs = await SlabPool(totalBytes: 2 << 20, slabBytes: 1 << 20).take(2, of: run.byteCount)
        for slab in slabs {
            slab.withMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 9) }
        }
        slabs[0].slice(64, min(packed.count, length)).withMutableBytes { $0.copyBytes(from: packed.prefix(length)) }
        Compression.unpack(run, [.sent, .packed(packed.count, relayed: false), .sent], from: slabs[0], into: slabs[1])
        func bytes(_ offset: Int, _ count: Int) -> [UInt8] { slabs[1].slice(offset, count).withBytes { Array($0) } }
        return (bytes(0, 64), bytes(64, length), bytes(64 + length, 64))
    }

    @Test(arguments: [4_097, 1 << 20, 64 << 20])
    func whatUnpacksToMoreThanItsPieceIsZerosAndNothingBesideItIsWritten(count: Int) async {
        let bomb = frame([UInt8](repeating: 7, count: count))
        #expect(bomb.count < 4_096)
        let (before, piece, behind) = await unpacked(bomb, length: 4_096)
        #expect(piece == [UInt8](repeating: 0, count: 4_096))
        #expect(before == [UInt8](repeating: 9, count: 64) && behind == before)
    }

    @Test func whatUnpacksToJustItsPieceIsThere() async {
        let bytes = [UInt8](repeating: 7, count: 4_096)
        #expect(await unpacked(frame(bytes), length: 4_096).piece == bytes)
        #expect(await unpacked(frame(Array(bytes.dropLast())), length: 4_096).piece.allSatisfy { $0 == 0 })
        #expect(await unpacked(frame(bytes) + frame([1]), length: 4_096).piece.allSatisfy { $0 == 0 })
        #expect(await unpacked(Array(frame(bytes).dropLast()), length: 4_096).piece.allSatisfy { $0 == 0 })
    }
}
