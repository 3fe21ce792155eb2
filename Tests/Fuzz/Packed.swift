// Fuzz target for decompression: into memory of exactly the chunk's length, guarded by the sanitizer, and into a slab
// of several pieces.

import CZstd
import DaftCommand
import DaftWire
@testable import DaftLink

extension Target {
    /// The first two bytes are the expected decompressed length.
    static let packed = Target(name: "packed", seeds: { packedSeeds }) { bytes in
        guard bytes.count >= 2 else { return }
        let length = Int(bytes[0]) | Int(bytes[1]) << 8
        let claimed = Array(bytes.dropFirst(2))
        let room = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 1)
        defer { room.deallocate() }
        let isWhole = claimed.withUnsafeBytes { bytes in
            // zstd's working memory is some hundred kilobytes.
            Memory.bounded(bytes.count, freeBytes: 1 << 20) { Compression.unpack(bytes, into: room) }
        }
        if isWhole { require(comesBack(UnsafeRawBufferPointer(room)), "what was unpacked does not come back") }
        unpackBetweenOthers(claimed, length)
    }
}

private func comesBack(_ bytes: UnsafeRawBufferPointer) -> Bool {
    let packed = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    let back = UnsafeMutableRawBufferPointer.allocate(byteCount: bytes.count, alignment: 1)
    defer {
        packed.deallocate()
        back.deallocate()
    }
    guard let count = Compression.pack(bytes, into: packed, level: 1) else { return true }
    guard Compression.unpack(UnsafeRawBufferPointer(rebasing: packed[..<count]), into: back) else { return false }
    return back.elementsEqual(bytes)
}

/// The source and destination slabs.
nonisolated(unsafe) private var slabs: [Slab] = []

/// Call before the target runs, since taking slabs is asynchronous.
func takeSlabs() async { slabs = await SlabPool(totalBytes: 512 << 10, slabBytes: 256 << 10).take(2, of: 256 << 10) }

/// Neighbouring pieces must not change.
private func unpackBetweenOthers(_ claimed: [UInt8], _ length: Int) {
    let run = ChunkRun(
        [8, length, 8].map { Piece(.kept(Sample.digest(1)), chunk: 0, length: $0) }, compression: 1)
    let states: [PieceState] = [.sent, .packed(claimed.count, relayed: true), .sent]
    slabs[0].slice(0, 8).withMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 1) }
    slabs[0].slice(8, min(length, claimed.count)).withMutableBytes { $0.copyBytes(from: claimed.prefix(length)) }
    slabs[0].slice(8 + length, 8).withMutableBytes { _ = $0.initializeMemory(as: UInt8.self, repeating: 2) }
    Compression.unpack(run, states, from: slabs[0], into: slabs[1])
    require(slabs[1].slice(0, 8).withBytes { $0.allSatisfy { $0 == 1 } }, "the piece before it is another")
    require(slabs[1].slice(8 + length, 8).withBytes { $0.allSatisfy { $0 == 2 } }, "the piece behind it is another")
}

private let packedSeeds: [[UInt8]] = {
    let words = (0..<400).flatMap { Array("line \($0 % 17) of a file\n".utf8) }
    let packed = frame(words)
    let exact = [UInt8(words.count & 255), UInt8(words.count >> 8)]
    // Unchanged; for less room and for more; truncated; zeros of one chunk's length and of far more; doubled; a header
    // only.
    return [
        exact + packed, [1, 0] + packed, [255, 255] + packed, exact + packed.dropLast(3),
        [0, 64] + frame(zeros(16_384)), [0, 64] + frame(zeros(16_385)), [0, 64] + frame(zeros(1 << 24)),
        exact + packed + packed, exact + packed.prefix(5), [0, 0], [0, 0] + frame([]), exact + words.prefix(100),
    ]
}()

private func zeros(_ count: Int) -> [UInt8] { [UInt8](repeating: 0, count: count) }

private func frame(_ bytes: [UInt8]) -> [UInt8] {
    var room = [UInt8](repeating: 0, count: ZSTD_compressBound(bytes.count))
    return Array(room[..<ZSTD_compress(&room, room.count, bytes, bytes.count, 1)])
}
