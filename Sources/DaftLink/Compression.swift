// Compression on the wire: a chunk is packed once, by the rank that has its bytes, goes along a chain as it is, and is
// unpacked wherever it arrives. What hardly gets smaller goes as it is.

import CZstd
import DaftWire

public enum Compression {
    /// The first part of a chunk tells whether the rest is worth the trouble.
    private static let sample = 64 << 10

    /// Packs a piece into `room`, which is of the same size; nil where it saves less than a tenth.
    public static func pack(
        _ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, level: UInt8
    ) -> Int? {
        if bytes.count > 2 * sample {
            let start = UnsafeRawBufferPointer(rebasing: bytes[..<sample])
            guard squeeze(start, into: room, level) != nil else { return nil }
        }
        return squeeze(bytes, into: room, level)
    }

    private static func squeeze(
        _ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer, _ level: UInt8
    ) -> Int? {
        let most = bytes.count / 10 * 9
        guard most > 0 else { return nil }
        let count = ZSTD_compress(room.baseAddress, most, bytes.baseAddress, bytes.count, Int32(level))
        return ZSTD_isError(count) == 0 ? count : nil
    }

    /// Unpacks a piece; false where it is nothing that was packed from just so many bytes.
    public static func unpack(_ bytes: UnsafeRawBufferPointer, into room: UnsafeMutableRawBufferPointer) -> Bool {
        ZSTD_decompress(room.baseAddress, room.count, bytes.baseAddress, bytes.count) == room.count
    }

    /// A supply in fewer bytes: each piece packed, or as it was, in the same place of another slab. Blocking.
    public static func pack(_ run: ChunkRun, _ states: [PieceState], from slab: Slab, into room: Slab) -> Supply {
        var packed = states
        for (index, (piece, offset)) in zip(run.pieces, run.offsets).enumerated() where states[index] == .sent {
            let bytes = slab.slice(offset, piece.length)
            let place = room.slice(offset, piece.length)
            let count = bytes.withBytes { bytes in
                place.withMutableBytes { pack(bytes, into: $0, level: run.compression) }
            }
            if let count { packed[index] = .packed(count, relayed: false) } else { place.copy(from: bytes) }
        }
        return packed.contains(where: \.isPacked)
            ? Supply(slab: room, states: packed) : Supply(slab: slab, states: states)
    }

    /// What arrived, unpacked into another slab; pieces that are not right are all zeros there, and nobody's chunk.
    /// Blocking.
    public static func unpack(_ run: ChunkRun, _ states: [PieceState], from slab: Slab, into room: Slab) {
        for (index, (piece, offset)) in zip(run.pieces, run.offsets).enumerated() where states[index].isOnItsWay {
            let bytes = slab.slice(offset, states[index].count(of: piece))
            let place = room.slice(offset, piece.length)
            if !states[index].isPacked {
                place.copy(from: bytes)
                continue
            }
            place.withMutableBytes { room in
                if !bytes.withBytes({ unpack($0, into: room) }) {
                    room.initializeMemory(as: UInt8.self, repeating: 0)
                }
            }
        }
    }
}
