// Journal records: each change of the metadata server's state is one record, numbered by the state it leads to.

/// The version number of the metadata server's state.
public typealias State = UInt64

public enum Record: Coded {
    /// The first record of every journal.
    case system(SystemID)
    /// Registers a store; stores are numbered by their first such record. A later one updates the host, and lets a
    /// store that had left take part again.
    case store(StoreInfo)
    /// Registers a content that `stores` keep completely.
    case content(ContentID, Manifest, stores: BitSet)
    /// Creates an entry, or replaces one of the same kind.
    case entry(NamedEntry)
    /// Sets what `stores` keep of contents.
    case holding(Holding)
    /// Raises the number of wanted copies.
    case wish(CopiesRequest)
    /// Stores leave the system; nothing is kept only by them.
    case left(BitSet)

    public static let minimumSize = 2
    public static let version: UInt8 = 1

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Record.version else { throw Malformed("record version", at: reader.offset - 1) }
        switch try reader.u8() {
        case 1: self = .system(try SystemID(from: &reader))
        case 2: self = .store(try StoreInfo(from: &reader))
        case 3:
            let id = try ContentID(from: &reader)
            let manifest = try Manifest(from: &reader)
            self = .content(id, manifest, stores: try BitSet(from: &reader))
        case 4: self = .entry(try NamedEntry(from: &reader))
        case 5: self = .holding(try Holding(from: &reader))
        case 6: self = .wish(try CopiesRequest(from: &reader))
        case 7: self = .left(try BitSet(from: &reader))
        default: throw Malformed("kind of record", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(Record.version)
        switch self {
        case .system(let id):
            writer.u8(1)
            id.encode(into: &writer)
        case .store(let info):
            writer.u8(2)
            info.encode(into: &writer)
        case .content(let id, let manifest, let stores):
            writer.u8(3)
            id.encode(into: &writer)
            manifest.encode(into: &writer)
            stores.encode(into: &writer)
        case .entry(let named):
            writer.u8(4)
            named.encode(into: &writer)
        case .holding(let holding):
            writer.u8(5)
            holding.encode(into: &writer)
        case .wish(let wish):
            writer.u8(6)
            wish.encode(into: &writer)
        case .left(let stores):
            writer.u8(7)
            stores.encode(into: &writer)
        }
    }
}

extension Record {
    /// The size of a content, if `encoded` is the record that introduced it. Listings check the record before the
    /// entry's first, since a file is mostly published right after its content.
    public static func size(of content: ContentID, from encoded: UnsafeRawBufferPointer) -> Int64? {
        let (id, size) = (2, 2 + ContentID.minimumSize + 1)
        guard encoded.count >= size + 8, encoded[0] == version, encoded[1] == 3,
            encoded[size - 1] == Manifest.version,
            ContentID(UnsafeRawBufferPointer(rebasing: encoded[id...])) == content
        else { return nil }
        return Int64(littleEndian: encoded.loadUnaligned(fromByteOffset: size, as: Int64.self))
    }
}

/// A store and its location.
public struct StoreInfo: Coded {
    public static let minimumSize = 24
    public let id: StoreID
    public let host: String
    public let path: [UInt8]

    public init(id: StoreID, host: String, path: [UInt8]) {
        self.id = id
        self.host = host
        self.path = path
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        id = try StoreID(from: &reader)
        host = try reader.text()
        path = try reader.run()
    }

    public func encode(into writer: inout ByteWriter) {
        id.encode(into: &writer)
        writer.text(host)
        writer.run(path)
    }
}

/// These stores, by number, keep this extent of each of these contents.
public struct Holding: Coded {
    public static let minimumSize = 9
    public let contents: [ContentID]
    public let stores: BitSet
    public let extent: Extent

    public init(_ contents: [ContentID], in stores: BitSet, _ extent: Extent) {
        self.contents = contents
        self.stores = stores
        self.extent = extent
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        contents = try reader.list()
        stores = try BitSet(from: &reader)
        extent = try Extent(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(contents)
        stores.encode(into: &writer)
        extent.encode(into: &writer)
    }
}

/// The head of a journal: its state and a digest over all records, which tells a forked journal from one that is
/// behind.
public struct Head: Coded {
    public static let minimumSize = 16
    public static let empty = Head(state: 0, digest: 0)
    public let state: State
    public let digest: UInt64

    public init(state: State, digest: UInt64) {
        self.state = state
        self.digest = digest
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        state = try reader.u64()
        digest = try reader.u64()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(state)
        writer.u64(digest)
    }

    /// The head after another record that advances the state by `steps`.
    public func after(_ record: [UInt8], steps: Int) -> Head { after(record, at: state + State(steps)) }

    /// The head after another record that leads to `next`.
    public func after(_ record: [UInt8], at next: State) -> Head {
        Head(state: next, digest: mixed(record, into: digest ^ next))
    }
}

/// A number for what a store keeps of one content; their XOR is the digest of its inventory. Store and catalogue each
/// maintain it, and a joining store compares only that.
public func inventoryMark(of content: ContentID, _ extent: Extent) -> UInt64 {
    extent == .nothing ? 0 : mixed(extent.encoded, into: content.word)
}

/// A 64-bit hash of `bytes`: detects accidents, not attacks.
public func mixed(_ bytes: [UInt8], into seed: UInt64) -> UInt64 {
    func fold(_ x: UInt64, _ y: UInt64) -> UInt64 {
        let product = (x ^ 0x9E37_79B9_7F4A_7C15).multipliedFullWidth(by: y ^ 0xD6E8_FEB8_6659_FD93)
        return product.high ^ product.low
    }
    var sum = fold(seed, UInt64(bytes.count))
    bytes.withUnsafeBytes { raw in
        var offset = 0
        while offset + 8 <= raw.count {
            sum = fold(sum, UInt64(littleEndian: raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)))
            offset += 8
        }
        var rest: UInt64 = 0
        for i in offset..<raw.count { rest = rest << 8 | UInt64(raw[i]) }
        sum = fold(sum, rest)
    }
    return sum
}
