// A request for bytes: chunks that are to land one behind the other in a slab, and what became of each.

public struct ChunkRun: Coded {
    public static let minimumSize = 6
    static let version: UInt8 = 1

    public let pieces: [Piece]
    /// Whether the supplier may keep the request until a chunk that it is about to have is there.
    public let waits: Bool

    public init(_ pieces: [Piece], waits: Bool = false) {
        self.pieces = pieces
        self.waits = waits
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == ChunkRun.version else { throw Malformed("run version", at: reader.offset - 1) }
        waits = try reader.flag()
        pieces = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(ChunkRun.version)
        writer.flag(waits)
        writer.list(pieces)
    }

    public var byteCount: Int { pieces.reduce(0) { $0 + $1.length } }

    /// Where each piece lies in the slab.
    public var offsets: [Int] {
        var sum = 0
        return pieces.map { piece in
            defer { sum += piece.length }
            return sum
        }
    }
}

public struct Piece: Coded {
    public enum Origin: Hashable, Sendable {
        /// A chunk of a content that a store keeps.
        case kept(ContentID)
        /// A chunk of a file that a rank offers.
        case offered(offer: UInt64, file: Int)
        /// The bytes with this id, from wherever the supplier has them. The chunk's number means nothing.
        case identified(ChunkID)
    }

    public static let minimumSize = 21

    public let origin: Origin
    public let chunk: Int
    public let length: Int

    public init(_ origin: Origin, chunk: Int, length: Int) {
        self.origin = origin
        self.chunk = chunk
        self.length = length
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 0: origin = .kept(try ContentID(from: &reader))
        case 1: origin = .offered(offer: try reader.u64(), file: try reader.count())
        case 2: origin = .identified(try ChunkID(from: &reader))
        default: throw Malformed("origin of a piece", at: reader.offset - 1)
        }
        chunk = try reader.count()
        length = try reader.count()
        guard length <= ChunkSize.largest else { throw Malformed("length of a piece", at: reader.offset - 4) }
    }

    public func encode(into writer: inout ByteWriter) {
        switch origin {
        case .kept(let content):
            writer.u8(0)
            content.encode(into: &writer)
        case .offered(let offer, let file):
            writer.u8(1)
            writer.u64(offer)
            writer.count(file)
        case .identified(let id):
            writer.u8(2)
            id.encode(into: &writer)
        }
        writer.count(chunk)
        writer.count(length)
    }
}

/// What became of a piece.
public enum PieceState: UInt8, Coded {
    case sent = 0
    /// The supplier does not have it, or not yet.
    case missing = 1
    /// The offered file is no longer what it was.
    case changed = 2
    /// Sent as it arrives at the supplier, who has not looked at it yet: if it is wrong, that is not the supplier's
    /// doing.
    case relayed = 3

    public static let minimumSize = 1

    /// Whether its bytes follow.
    public var isOnItsWay: Bool { self == .sent || self == .relayed }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard let state = PieceState(rawValue: try reader.u8()) else {
            throw Malformed("state of a piece", at: reader.offset - 1)
        }
        self = state
    }

    public func encode(into writer: inout ByteWriter) { writer.u8(rawValue) }
}
