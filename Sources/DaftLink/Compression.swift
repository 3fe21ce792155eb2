// Compression of transfers: the rank that has the bytes compresses a chunk once, chains relay it unchanged, and each
// receiver decompresses it. Incompressible chunks are sent as they are.

import CZstd
import DaftWire

public enum Compression {
    /// Size of the prefix tested for compressibility.
    private static let sample = 64 << 10

    /// Compresses a piece into `room` of equal size; nil if that saves less than a tenth.
    public static func pack(
        _ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, level: UInt8
    ) -> Int? {
        if bytes.count > 2 * sample {
            let start = UnsafeRawBufferPointer(rebasing: bytes[..<sample])
            guard compress(start, into: room, level) != nil else { return nil }
        }
        return compress(bytes, into: room, level)
    }

    private static func compress(
        _ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, _ level: UInt8
    ) -> Int? {
        let most = bytes.count / 10 * 9
        guard most > 0 else { return nil }
        let count = ZSTD_compress(room.baseAddress, most, bytes.baseAddress, bytes.count, Int32(level))
        return ZSTD_isError(count) == 0 ? count : nil
    }

    /// Decompresses a piece; false unless the result has exactly the size of `room`.
    public static func unpack(_ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Bool {
        ZSTD_decompress(room.baseAddress, room.count, bytes.baseAddress, bytes.count) == room.count
    }

    /// Compresses each piece of a supply, if worthwhile, into the same place of another slab. Blocks.
    public static func pack(_ run: ChunkRun, _ states: [PieceState], from slab: Slab, into room: Slab) -> Supply {
        var packed = states
        for (index, (piece, offset)) in zip(run.pieces, run.offsets).enumerated() where states[index] == .sent {
            let bytes = slab.slice(offset, piece.length)
            let target = room.slice(offset, piece.length)
            let count = bytes.withBytes { bytes in
                target.withMutableBytes { pack(bytes, into: $0, level: run.compression) }
            }
            if let count { packed[index] = .packed(count, relayed: false) } else { target.copy(from: bytes) }
        }
        return packed.contains(where: \.isPacked)
            ? Supply(slab: room, states: packed) : Supply(slab: slab, states: states)
    }

    /// Decompresses what arrived into another slab; invalid pieces become zeros, which match no requested id. Blocks.
    public static func unpack(_ run: ChunkRun, _ states: [PieceState], from slab: Slab, into room: Slab) {
        for (index, (piece, offset)) in zip(run.pieces, run.offsets).enumerated() where states[index].hasBytes {
            let bytes = slab.slice(offset, states[index].count(of: piece))
            let target = room.slice(offset, piece.length)
            if !states[index].isPacked {
                target.copy(from: bytes)
                continue
            }
            target.withMutableBytes { room in
                if !bytes.withBytes({ unpack($0, into: room) }) {
                    room.initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
        }
    }
}
