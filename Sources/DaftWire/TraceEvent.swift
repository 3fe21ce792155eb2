// One event in the life of a slab, recorded for `--trace`.

import DaftModel

public struct TraceEvent: Coded {
    /// What happens to a slab.
    public enum Kind: UInt8, CaseIterable, Sendable {
        /// From the source's disk.
        case read
        /// To compute the chunk id.
        case hashed
        case received
        /// Hashed again and compared with the id.
        case verified
        /// To a store, or to the target of `get`.
        case written
        case sent
    }

    /// The slab's contents: one chunk, or the first of several small ones.
    public struct Subject: Hashable, Sendable {
        /// The first eight bytes of the chunk id, if known.
        public let chunk: UInt64?
        /// If requested by content: the first eight bytes of the content id, and the chunk's number.
        public let content: UInt64?
        public let number: Int

        public init(chunk: ChunkID? = nil, content: ContentID? = nil, number: Int = 0) {
            self.init(chunk: chunk?.word, content: content?.word, number: number)
        }

        /// The chunk of a piece, with its id if known.
        public init(_ piece: Piece, chunk: ChunkID? = nil) {
            switch piece.origin {
            case .kept(let content): self.init(chunk: chunk, content: content, number: piece.chunk)
            case .identified(let id): self.init(chunk: id)
            case .offered: self.init(chunk: chunk)
            }
        }

        fileprivate init(chunk: UInt64?, content: UInt64?, number: Int) {
            (self.chunk, self.content, self.number) = (chunk, content, number)
        }
    }

    public static let minimumSize = 44
    public let kind: Kind
    public let subject: Subject
    /// Number of chunks in the slab.
    public let chunks: Int
    public let bytes: Int64
    /// The other rank of a transfer.
    public let peer: Rank?
    /// Wall clock of the recording rank, since 1970-01-01 00:00 UTC.
    public let begunNanoseconds: UInt64
    public let lengthNanoseconds: UInt64
    /// How long it had been requested before it began.
    public let waitedNanoseconds: UInt64

    /// If the clock was set back meanwhile, the length is zero.
    public init(
        _ kind: Kind, _ subject: Subject, chunks: Int = 1, bytes: Int, peer: Rank? = nil,
        from begunNanoseconds: UInt64, to endNanoseconds: UInt64, askedNanoseconds: UInt64? = nil
    ) {
        self.kind = kind
        self.subject = subject
        self.chunks = chunks
        self.bytes = Int64(bytes)
        self.peer = peer
        self.begunNanoseconds = begunNanoseconds
        lengthNanoseconds = max(begunNanoseconds, endNanoseconds) - begunNanoseconds
        waitedNanoseconds = begunNanoseconds - min(begunNanoseconds, askedNanoseconds ?? begunNanoseconds)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard let kind = Kind(rawValue: try reader.u8()) else {
            throw Malformed("kind of event", at: reader.offset - 1)
        }
        self.kind = kind
        let chunk = try reader.flag() ? reader.u64().byteSwapped : nil
        let content = try reader.flag() ? reader.u64().byteSwapped : nil
        subject = Subject(chunk: chunk, content: content, number: try reader.count())
        chunks = try reader.count()
        bytes = try reader.amount()
        peer = try reader.flag() ? Rank(from: &reader) : nil
        begunNanoseconds = try reader.time()
        lengthNanoseconds = try reader.time()
        waitedNanoseconds = try reader.time()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(kind.rawValue)
        for word in [subject.chunk, subject.content] {
            writer.flag(word != nil)
            if let word { writer.u64(word.byteSwapped) }
        }
        writer.count(subject.number)
        writer.count(chunks)
        writer.i64(bytes)
        writer.flag(peer != nil)
        peer?.encode(into: &writer)
        for time in [begunNanoseconds, lengthNanoseconds, waitedNanoseconds] { writer.u64(time) }
    }

    public var endNanoseconds: UInt64 { begunNanoseconds + lengthNanoseconds }
}

extension ByteReader {
    /// Limited, so that sums cannot overflow.
    fileprivate mutating func time() throws(Malformed) -> UInt64 {
        let nanoseconds = try u64()
        guard nanoseconds < 1 << 62 else { throw Malformed("nanoseconds", at: offset - 8) }
        return nanoseconds
    }
}

/// A page of a rank's events.
public struct TracePage: Coded {
    /// The most events per page.
    public static let mostEvents = 4_096
    public static let minimumSize = 16
    public let events: [TraceEvent]
    /// The total number of events recorded.
    public let kept: Int
    /// The number of events dropped for lack of room.
    public let dropped: UInt64

    public init(_ events: [TraceEvent], kept: Int, dropped: UInt64) {
        (self.events, self.kept, self.dropped) = (events, kept, dropped)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        events = try reader.list()
        kept = try reader.count()
        dropped = try reader.u64()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(events)
        writer.count(kept)
        writer.u64(dropped)
    }
}
