// Identifiers: of chunks, contents, stores, systems and ranks.

/// A SHA-256 as four words, for fast comparison and hashing.
public struct Digest: Coded, Comparable {
    public static let minimumSize = 32
    private var a, b, c, d: UInt64

    /// The first 32 bytes of `bytes`, which must have at least that many.
    public init(_ bytes: UnsafeRawBufferPointer) {
        precondition(bytes.count >= 32)
        func word(_ i: Int) -> UInt64 { UInt64(bigEndian: bytes.loadUnaligned(fromByteOffset: i * 8, as: UInt64.self)) }
        (a, b, c, d) = (word(0), word(1), word(2), word(3))
    }

    public init?(bytes: [UInt8]) {
        guard bytes.count == 32 else { return nil }
        self = bytes.withUnsafeBytes { Digest($0) }
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard reader.remaining >= 32 else { throw reader.malformed("32 more bytes") }
        a = try reader.u64().byteSwapped
        b = try reader.u64().byteSwapped
        c = try reader.u64().byteSwapped
        d = try reader.u64().byteSwapped
    }

    public func encode(into writer: inout ByteWriter) {
        for word in [a, b, c, d] { writer.u64(word.byteSwapped) }
    }

    public var bytes: [UInt8] { encoded }
    public var hex: String { hexadecimal(bytes) }

    /// Eight bytes of the digest, for spreading and mixing.
    public var word: UInt64 { a }

    /// Four independent words.
    public var words: (UInt64, UInt64, UInt64, UInt64) { (a, b, c, d) }

    /// Eight bytes as a signed number that sorts like digests: a table key that needs a third of the space of whole
    /// ids. Keys can collide, so compare the id of a row found by key.
    public var key: Int64 { Int64(bitPattern: a ^ 1 << 63) }

    /// One word suffices: digests are uniformly distributed.
    public func hash(into hasher: inout Hasher) { hasher.combine(a) }

    public static func < (x: Digest, y: Digest) -> Bool { (x.a, x.b, x.c, x.d) < (y.a, y.b, y.c, y.d) }
}

/// The SHA-256 of a chunk's bytes.
public typealias ChunkID = Digest
/// The SHA-256 of a content's encoded manifest.
public typealias ContentID = Digest

/// 16 random bytes that identify a store or system for its lifetime.
public struct UniqueID: Coded, Comparable {
    public static let minimumSize = 16
    public let high, low: UInt64

    public init(high: UInt64, low: UInt64) {
        self.high = high
        self.low = low
    }

    public static func random(using generator: inout some RandomNumberGenerator) -> UniqueID {
        UniqueID(high: generator.next(), low: generator.next())
    }

    public static func random() -> UniqueID {
        var generator = SystemRandomNumberGenerator()
        return random(using: &generator)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        high = try reader.u64().byteSwapped
        low = try reader.u64().byteSwapped
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(high.byteSwapped)
        writer.u64(low.byteSwapped)
    }

    public var hex: String { hexadecimal(encoded) }
    public static func < (x: UniqueID, y: UniqueID) -> Bool { (x.high, x.low) < (y.high, y.low) }
}

public typealias StoreID = UniqueID
public typealias SystemID = UniqueID

/// A process of the system in this run; 0 is the metadata server.
public struct Rank: Coded, Comparable, CustomStringConvertible {
    public static let minimumSize = 4
    public static let metadataServer = Rank(0)
    public let number: Int

    public init(_ number: Int) { self.number = number }
    public init(from reader: inout ByteReader) throws(Malformed) { number = try reader.ordinal() }
    public func encode(into writer: inout ByteWriter) { writer.count(number) }
    public var description: String { "rank \(number)" }
    public static func < (x: Rank, y: Rank) -> Bool { x.number < y.number }
}

public func hexadecimal(_ bytes: some Sequence<UInt8>) -> String { String(decoding: hexDigits(bytes), as: UTF8.self) }

/// Two hexadecimal digits per byte.
public func hexDigits(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    var digits: [UInt8] = []
    digits.reserveCapacity(2 * bytes.underestimatedCount)
    for byte in bytes {
        for half in [byte >> 4, byte & 15] { digits.append(half < 10 ? 48 + half : 87 + half) }
    }
    return digits
}

public func bytesOfHex(_ text: some StringProtocol) -> [UInt8]? {
    let digits = Array(text.utf8)
    guard digits.count % 2 == 0 else { return nil }
    var bytes: [UInt8] = []
    for i in stride(from: 0, to: digits.count, by: 2) {
        guard let high = hexValue(digits[i]), let low = hexValue(digits[i + 1]) else { return nil }
        bytes.append(high << 4 | low)
    }
    return bytes
}

private func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    default: nil
    }
}
