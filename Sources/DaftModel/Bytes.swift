// Binary coding: all wire and disk formats use these two types. Integers are little-endian with explicit widths; byte
// strings have a u32 length. The reader accepts any input: it throws `Malformed` and never allocates more than the
// input justifies.

/// Invalid input: what was expected, and where.
public struct Malformed: Error, Hashable, Sendable {
    /// Above any number of ranks or stores.
    static let ordinalLimit = 1 << 24
    /// The sum of a thousand of these does not overflow.
    public static let largestAmount: Int64 = 1 << 53

    public let what: String
    public let offset: Int

    public init(_ what: String, at offset: Int) {
        self.what = what
        self.offset = offset
    }
}

/// A type with a unique encoding. `minimumSize` bounds the element count that a list may claim.
public protocol Coded: Hashable, Sendable {
    static var minimumSize: Int { get }
    func encode(into writer: inout ByteWriter)
    init(from reader: inout ByteReader) throws(Malformed)
}

extension Coded {
    public var encoded: [UInt8] {
        var writer = ByteWriter()
        encode(into: &writer)
        return writer.bytes
    }

    /// Decodes a value that must occupy all of `bytes`.
    public init(decoding bytes: [UInt8]) throws(Malformed) {
        var reader = ByteReader(bytes)
        try self.init(from: &reader)
        try reader.finish()
    }

    /// For callers that do not need the reason why decoding fails.
    public init?(ifDecodable bytes: [UInt8]) {
        guard let value = try? Self(decoding: bytes) else { return nil }
        self = value
    }
}

public struct ByteWriter {
    public private(set) var bytes: [UInt8] = []

    public init(capacity: Int = 64) { bytes.reserveCapacity(capacity) }

    public mutating func u8(_ value: UInt8) { bytes.append(value) }
    public mutating func u16(_ value: UInt16) { fixed(value) }
    public mutating func u32(_ value: UInt32) { fixed(value) }
    public mutating func u64(_ value: UInt64) { fixed(value) }
    public mutating func i64(_ value: Int64) { fixed(UInt64(bitPattern: value)) }
    public mutating func flag(_ value: Bool) { u8(value ? 1 : 0) }

    /// A count or index below 2³².
    public mutating func count(_ value: Int) { u32(UInt32(value)) }

    public mutating func run(_ value: some Collection<UInt8>) {
        count(value.count)
        bytes.append(contentsOf: value)
    }

    public mutating func text(_ value: String) { run(value.utf8) }

    public mutating func list<T: Coded>(_ values: some Collection<T>) {
        count(values.count)
        for value in values { value.encode(into: &self) }
    }

    public mutating func numbers(_ values: some Collection<UInt64>) {
        count(values.count)
        for value in values { u64(value) }
    }

    private mutating func fixed<T: FixedWidthInteger>(_ value: T) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}

public struct ByteReader {
    private let bytes: [UInt8]
    public private(set) var offset = 0

    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    public var remaining: Int { bytes.count - offset }

    public func malformed(_ what: String) -> Malformed { Malformed(what, at: offset) }

    public mutating func u8() throws(Malformed) -> UInt8 { try fixed("u8") }
    public mutating func u16() throws(Malformed) -> UInt16 { try fixed("u16") }
    public mutating func u32() throws(Malformed) -> UInt32 { try fixed("u32") }
    public mutating func u64() throws(Malformed) -> UInt64 { try fixed("u64") }
    public mutating func i64() throws(Malformed) -> Int64 { Int64(bitPattern: try u64()) }
    public mutating func count() throws(Malformed) -> Int { Int(try u32()) }

    /// A rank or store number, bounded because a bit set of them takes memory proportional to its largest.
    public mutating func ordinal() throws(Malformed) -> Int {
        let number = try count()
        guard number < Malformed.ordinalLimit else { throw Malformed("number of a rank or store", at: offset - 4) }
        return number
    }

    /// A number of bytes or files, bounded so that sums over ranks do not overflow.
    public mutating func amount() throws(Malformed) -> Int64 {
        let amount = try i64()
        guard (0...Malformed.largestAmount).contains(amount) else { throw Malformed("amount", at: offset - 8) }
        return amount
    }

    public mutating func flag() throws(Malformed) -> Bool {
        switch try u8() {
        case 0: return false
        case 1: return true
        default: throw Malformed("flag of 0 or 1", at: offset - 1)
        }
    }

    public mutating func run() throws(Malformed) -> [UInt8] {
        let length = try count()
        return try raw(length)
    }

    public mutating func raw(_ length: Int) throws(Malformed) -> [UInt8] {
        guard length <= remaining else { throw malformed("\(length) more bytes") }
        defer { offset += length }
        return Array(bytes[offset..<offset + length])
    }

    public mutating func text() throws(Malformed) -> String {
        let start = offset
        guard let value = String(validating: try run(), as: UTF8.self) else {
            throw Malformed("UTF-8 text", at: start)
        }
        return value
    }

    public mutating func list<T: Coded>(of type: T.Type = T.self) throws(Malformed) -> [T] {
        let length = try count()
        guard length <= remaining / max(1, T.minimumSize) else {
            throw malformed("list of \(length) \(T.self)")
        }
        var values: [T] = []
        values.reserveCapacity(length)
        for _ in 0..<length { values.append(try T(from: &self)) }
        return values
    }

    public mutating func numbers() throws(Malformed) -> [UInt64] {
        let length = try count()
        guard length <= remaining / 8 else { throw malformed("\(length) numbers") }
        var values: [UInt64] = []
        for _ in 0..<length { values.append(try u64()) }
        return values
    }

    public func finish() throws(Malformed) {
        guard remaining == 0 else { throw malformed("the end") }
    }

    private mutating func fixed<T: FixedWidthInteger>(_ what: String) throws(Malformed) -> T {
        let size = T.bitWidth / 8
        guard size <= remaining else { throw malformed(what) }
        defer { offset += size }
        return bytes.withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: T.self)) }
    }
}
