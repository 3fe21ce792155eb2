// The entry of a name: a file, directory or symlink, with mode and mtime.

public struct Time: Coded, Comparable {
    public static let zero = Time(seconds: 0, nanoseconds: 0)
    public static let minimumSize = 12
    public let seconds: Int64
    public let nanoseconds: UInt32

    public init(seconds: Int64, nanoseconds: UInt32) {
        self.seconds = seconds
        self.nanoseconds = nanoseconds
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        seconds = try reader.i64()
        nanoseconds = try reader.u32()
        guard nanoseconds < 1_000_000_000 else { throw Malformed("nanoseconds", at: reader.offset - 4) }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.i64(seconds)
        writer.u32(nanoseconds)
    }

    public static func < (x: Time, y: Time) -> Bool { (x.seconds, x.nanoseconds) < (y.seconds, y.nanoseconds) }
}

public struct Entry: Coded {
    public enum Kind: Hashable, Sendable {
        case file(ContentID)
        case directory
        case symlink([UInt8])
    }

    public static let minimumSize = 15
    public static let longestTarget = 4095

    public let kind: Kind
    /// Permission bits, 0…0o7777.
    public let mode: UInt16
    public let mtime: Time

    public init(_ kind: Kind, mode: UInt16, mtime: Time) {
        self.kind = kind
        self.mode = mode & 0o7777
        self.mtime = mtime
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        let tag = try reader.u8()
        mode = try reader.u16()
        guard mode <= 0o7777 else { throw Malformed("mode", at: reader.offset - 2) }
        mtime = try Time(from: &reader)
        switch tag {
        case 0: kind = .file(try ContentID(from: &reader))
        case 1: kind = .directory
        case 2:
            kind = .symlink(try Entry.target(from: &reader))
        default: throw reader.malformed("kind of entry")
        }
    }

    /// A valid symlink target.
    public static func target(from reader: inout ByteReader) throws(Malformed) -> [UInt8] {
        let target = try reader.run()
        guard (1...longestTarget).contains(target.count), !target.contains(0) else {
            throw reader.malformed("symlink target")
        }
        return target
    }

    public func encode(into writer: inout ByteWriter) {
        switch kind {
        case .file: writer.u8(0)
        case .directory: writer.u8(1)
        case .symlink: writer.u8(2)
        }
        writer.u16(mode)
        mtime.encode(into: &writer)
        switch kind {
        case .file(let content): content.encode(into: &writer)
        case .directory: break
        case .symlink(let target): writer.run(target)
        }
    }

    public var content: ContentID? {
        if case .file(let content) = kind { content } else { nil }
    }

    public var isDirectory: Bool { kind == .directory }

    /// Write once: whether `newer` may replace this entry. Mode and mtime may change, content and kind may not.
    public func admits(_ newer: Entry) -> Bool { kind == newer.kind }

    public var word: String {
        switch kind {
        case .file: "file"
        case .directory: "directory"
        case .symlink: "symlink"
        }
    }
}

/// A name with its entry.
public struct NamedEntry: Coded {
    public static let minimumSize = Name.minimumSize + Entry.minimumSize
    public let name: Name
    public let entry: Entry

    public init(_ name: Name, _ entry: Entry) {
        self.name = name
        self.entry = entry
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        name = try Name(from: &reader)
        entry = try Entry(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        name.encode(into: &writer)
        entry.encode(into: &writer)
    }
}
