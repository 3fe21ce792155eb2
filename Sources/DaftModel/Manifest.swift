// The manifest of a content: size, chunk size and chunk ids in order. Files are split at multiples of the chunk size;
// the last chunk may be shorter; an empty content has none.

public struct ChunkSize: Coded {
    public static let minimumSize = 4
    public static let smallest = 4096
    public static let largest = 16 << 20
    public static let standard = ChunkSize(checked: 4 << 20)

    public let bytes: Int

    /// Must be a multiple of the page size, so that holes and clones align with chunks.
    public init?(_ bytes: Int) {
        guard (ChunkSize.smallest...ChunkSize.largest).contains(bytes), bytes % ChunkSize.smallest == 0 else {
            return nil
        }
        self.bytes = bytes
    }

    private init(checked bytes: Int) { self.bytes = bytes }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard let size = ChunkSize(try reader.count()) else { throw Malformed("chunk size", at: reader.offset - 4) }
        self = size
    }

    public func encode(into writer: inout ByteWriter) { writer.count(bytes) }

    public func count(of size: Int64) -> Int { Int((size + Int64(bytes) - 1) / Int64(bytes)) }

    public func length(of chunk: Int, in size: Int64) -> Int {
        Int(min(Int64(bytes), size - offset(of: chunk)))
    }

    public func offset(of chunk: Int) -> Int64 { Int64(chunk) * Int64(bytes) }
}

public struct Manifest: Coded {
    public static let minimumSize = 17
    static let version: UInt8 = 1

    public let size: Int64
    public let chunkSize: ChunkSize
    public let chunks: [ChunkID]

    public init(size: Int64, chunkSize: ChunkSize, chunks: [ChunkID]) {
        precondition(chunks.count == chunkSize.count(of: size))
        self.size = size
        self.chunkSize = chunkSize
        self.chunks = chunks
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Manifest.version else { throw Malformed("manifest version", at: reader.offset - 1) }
        size = try reader.i64()
        chunkSize = try ChunkSize(from: &reader)
        let start = reader.offset
        chunks = try reader.list()
        guard size >= 0, size < Int64.max - Int64(chunkSize.bytes), chunks.count == chunkSize.count(of: size) else {
            throw Malformed("as many chunks as the size asks for", at: start)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(Manifest.version)
        writer.i64(size)
        chunkSize.encode(into: &writer)
        writer.list(chunks)
    }

    public func length(of chunk: Int) -> Int { chunkSize.length(of: chunk, in: size) }
    public func offset(of chunk: Int) -> Int64 { chunkSize.offset(of: chunk) }
}
