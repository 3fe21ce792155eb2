// Framing of RPC messages: a small message first, and a load's bytes separately, range by range. Messages above some
// thousand bytes are compressed: orders about many files are repetitive, and all of them leave over rank 0's link.

import CZstd
import DaftModel
import DaftWire

/// A small message between two ranks.
public struct Envelope: Coded {
    public enum Kind: UInt8, Sendable {
        case call = 1
        case answer = 2
        case load = 3
        /// The states of a load's pieces; the bytes of sent pieces follow.
        case loaded = 4
        /// The system ends.
        case end = 5
        /// A message between carriers, such as a heartbeat.
        case carriers = 6
    }

    public static let minimumSize = 15
    public static let version: UInt8 = 1
    private static let smallestPacked = 4_096
    /// Bounds on the decompressed size and ratio. Larger messages are sent uncompressed.
    private static let unpackedBytes = 1 << 20
    private static let unpackedRatio = 256

    public let kind: Kind
    /// The requester's number.
    public let number: UInt64
    public let payload: [UInt8]

    public init(_ kind: Kind, _ number: UInt64, _ payload: [UInt8] = []) {
        self.kind = kind
        self.number = number
        self.payload = payload
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Envelope.version else { throw Malformed("envelope version", at: reader.offset - 1) }
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw Malformed("kind of message", at: reader.offset - 1)
        }
        self.kind = kind
        number = try reader.u64()
        let isPacked = try reader.flag()
        let bytes = try reader.run()
        payload = isPacked ? try Envelope.unpacked(bytes, at: reader.offset) : bytes
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(Envelope.version)
        writer.u8(kind.rawValue)
        writer.u64(number)
        let packed = Envelope.packed(payload)
        writer.flag(packed != nil)
        writer.run(packed ?? payload)
    }

    private static func longest(from packed: Int) -> Int { max(unpackedBytes, packed * unpackedRatio) }

    /// Nil if compression does not save much.
    private static func packed(_ payload: [UInt8]) -> [UInt8]? {
        guard payload.count >= smallestPacked else { return nil }
        let most = payload.count / 4 * 3
        var isPacked = false
        let packed = [UInt8](unsafeUninitializedCapacity: most) { room, count in
            let size = ZSTD_compress(room.baseAddress, most, payload, payload.count, 1)
            isPacked = ZSTD_isError(size) == 0
            count = isPacked ? size : 0
        }
        return isPacked && payload.count <= longest(from: packed.count) ? packed : nil
    }

    private static func unpacked(_ bytes: [UInt8], at offset: Int) throws(Malformed) -> [UInt8] {
        let size = ZSTD_getFrameContentSize(bytes, bytes.count)
        guard size <= UInt64(longest(from: bytes.count)) else {
            throw Malformed("size of a packed message", at: offset)
        }
        var isWhole = false
        let payload = [UInt8](unsafeUninitializedCapacity: Int(size)) { room, count in
            isWhole = ZSTD_decompress(room.baseAddress, Int(size), bytes, bytes.count) == Int(size)
            count = isWhole ? Int(size) : 0
        }
        guard isWhole else { throw Malformed("packed message", at: offset) }
        return payload
    }
}

extension ChunkRun {
    /// The slab's ranges in transit: adjacent pieces are joined, in the order of the run.
    func ranges(of states: [PieceState]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        for (offset, (piece, state)) in zip(offsets, zip(pieces, states)) where state.count(of: piece) > 0 {
            let range = offset..<offset + state.count(of: piece)
            if let last = ranges.last, last.upperBound == range.lowerBound {
                ranges[ranges.count - 1] = last.lowerBound..<range.upperBound
            } else {
                ranges.append(range)
            }
        }
        return ranges
    }
}
