// The order to serve a node's directory tree to another rank, which writes it elsewhere: nothing is published or
// stored.

import DaftModel

/// Let the sender read the tree at a path of your node while the order lasts.
public struct OfferOrder: Coded {
    public static let minimumSize = 16
    /// Identifies the tree in page requests; chosen by the sender.
    public let number: UInt64
    /// Absolute, or relative to the store.
    public let path: [UInt8]
    public let chunkSize: ChunkSize

    public init(number: UInt64, path: [UInt8], chunkSize: ChunkSize) {
        self.number = number
        self.path = path
        self.chunkSize = chunkSize
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        number = try reader.u64()
        path = try reader.run()
        guard !path.isEmpty, !path.contains(0) else { throw reader.malformed("path") }
        chunkSize = try ChunkSize(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(number)
        writer.run(path)
        chunkSize.encode(into: &writer)
    }
}

/// A page of entries in walk order.
public struct OfferedPage: Coded {
    public static let minimumSize = 21
    /// The offer that has the files of this page, in this order.
    public let offer: UInt64
    public let entries: [OfferedEntry]
    public let failures, warnings: [Failure]
    public let isLast: Bool

    public init(
        offer: UInt64, entries: [OfferedEntry], failures: [Failure] = [], warnings: [Failure] = [], isLast: Bool
    ) {
        self.offer = offer
        self.entries = entries
        self.failures = failures
        self.warnings = warnings
        self.isLast = isLast
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        offer = try reader.u64()
        entries = try reader.list()
        failures = try reader.list()
        warnings = try reader.list()
        isLast = try reader.flag()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(offer)
        writer.list(entries)
        writer.list(failures)
        writer.list(warnings)
        writer.flag(isLast)
    }
}

public struct OfferedEntry: Coded {
    public static let minimumSize = 19
    /// What `stat` shows, before any byte is read.
    public enum Kind: Hashable, Sendable {
        case file(size: Int64)
        case directory
        case symlink([UInt8])
    }

    /// Path below the root; empty for the root.
    public let relative: [UInt8]
    public let kind: Kind
    /// Permission bits, 0…0o7777.
    public let mode: UInt16
    public let mtime: Time

    public init(_ relative: [UInt8], _ kind: Kind, mode: UInt16, mtime: Time) {
        self.relative = relative
        self.kind = kind
        self.mode = mode
        self.mtime = mtime
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        relative = try reader.run()
        guard (try? OfferedEntry.name(of: relative)) != nil else { throw reader.malformed("path below a root") }
        mode = try reader.u16()
        guard mode <= 0o7777 else { throw reader.malformed("mode") }
        mtime = try Time(from: &reader)
        switch try reader.u8() {
        case 1:
            let size = try reader.i64()
            guard size >= 0, size < Int64.max - Int64(ChunkSize.largest) else {
                throw reader.malformed("size of a file")
            }
            kind = .file(size: size)
        case 2: kind = .directory
        case 3:
            kind = .symlink(try Entry.target(from: &reader))
        default: throw Malformed("kind of an offered entry", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.run(relative)
        writer.u16(mode)
        mtime.encode(into: &writer)
        switch kind {
        case .file(let size):
            writer.u8(1)
            writer.i64(size)
        case .directory: writer.u8(2)
        case .symlink(let target):
            writer.u8(3)
            writer.run(target)
        }
    }

    /// The root's name during the transfer.
    public static let root: Name = .top(UInt8(ascii: "t"))

    /// The name of an entry. Rejects paths that would lead out of the target directory.
    public static func name(of relative: [UInt8]) throws(NameError) -> Name {
        relative.isEmpty ? root : try root.appending(relative)
    }
}
