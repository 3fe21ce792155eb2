// A request for chunks that are placed consecutively in a slab, and the state of each.

import DaftModel

public struct ChunkRun: Coded {
    public static let minimumSize = 7
    static let version: UInt8 = 1

    public let pieces: [Piece]
    /// Whether the supplier may hold the request until chunks that it is receiving have arrived.
    public let waits: Bool
    /// zstd level that the supplier may use; 0: no compression.
    public let compression: UInt8

    public init(_ pieces: [Piece], waits: Bool = false, compression: UInt8 = 0) {
        self.pieces = pieces
        self.waits = waits
        self.compression = compression
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == ChunkRun.version else { throw Malformed("run version", at: reader.offset - 1) }
        waits = try reader.flag()
        compression = try reader.u8()
        pieces = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(ChunkRun.version)
        writer.flag(waits)
        writer.u8(compression)
        writer.list(pieces)
    }

    public var byteCount: Int { pieces.reduce(0) { $0 + $1.length } }

    /// Offset of each piece in the slab.
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
        /// A chunk of a content in a store.
        case kept(ContentID)
        /// A chunk of a file that a rank offers.
        case offered(offer: UInt64, file: Int)
        /// The bytes with this id, from any source; the chunk number is ignored.
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

/// The state of a piece.
public enum PieceState: Coded {
    case sent
    /// The supplier does not have it (yet).
    case missing
    /// The offered file has changed.
    case changed
    /// Sent while it arrives at the supplier, unverified: if it is wrong, the supplier is not to blame.
    case relayed
    /// Compressed to this many bytes, at the start of its place.
    case packed(Int, relayed: Bool)

    public static let minimumSize = 1

    /// Whether its bytes follow.
    public var hasBytes: Bool { self != .missing && self != .changed }

    /// Whether wrong bytes are the fault of the supplier.
    public var isVerifiedBySupplier: Bool {
        switch self {
        case .sent, .packed(_, relayed: false): true
        default: false
        }
    }

    /// The state when relayed to the next rank of a chain.
    public var passedOn: PieceState {
        switch self {
        case .sent, .relayed: .relayed
        case .packed(let count, _): .packed(count, relayed: true)
        case .missing, .changed: self
        }
    }

    public var isPacked: Bool { if case .packed = self { true } else { false } }

    /// How many bytes of the piece follow.
    public func count(of piece: Piece) -> Int {
        switch self {
        case .sent, .relayed: piece.length
        case .packed(let count, _): min(count, piece.length)
        case .missing, .changed: 0
        }
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        let kind = try reader.u8()
        switch kind {
        case 0: self = .sent
        case 1: self = .missing
        case 2: self = .changed
        case 3: self = .relayed
        case 4, 5: self = .packed(try reader.count(), relayed: kind == 5)
        default: throw Malformed("state of a piece", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .sent: writer.u8(0)
        case .missing: writer.u8(1)
        case .changed: writer.u8(2)
        case .relayed: writer.u8(3)
        case .packed(let count, let isRelayed):
            writer.u8(isRelayed ? 5 : 4)
            writer.count(count)
        }
    }
}

/// The states of a run's pieces, encoded.
public struct PieceStates: Coded {
    public static let minimumSize = 4
    public let states: [PieceState]

    public init(_ states: [PieceState]) { self.states = states }
    public init(from reader: inout ByteReader) throws(Malformed) { states = try reader.list() }
    public func encode(into writer: inout ByteWriter) { writer.list(states) }
}
