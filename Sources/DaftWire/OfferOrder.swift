// A tree of one node, read out for somebody who writes it elsewhere: nothing of it is published, and nothing kept.

import DaftModel

/// Let who gives this order read what stands under a path of your node, for as long as the order lasts.
public struct OfferOrder: Coded {
    public static let minimumSize = 16
    /// What the pages are asked for by; whoever gives the order chooses it.
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

/// Some hundred entries of such a tree, in the order of its walk.
public struct OfferedPage: Coded {
    public static let minimumSize = 21
    /// The number of the offer in which the files of this page stand, in their order here.
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
    /// What a look at it tells, before any byte is read.
    public enum Kind: Hashable, Sendable {
        case file(size: Int64)
        case directory
        case symlink([UInt8])
    }

    /// The path below the root; empty for the root itself.
    public let relative: [UInt8]
    public let kind: Kind
    /// The permission bits, 0…0o7777.
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

    /// What the root of every such tree is called while it is under way.
    public static let root: Name = .top(UInt8(ascii: "t"))

    /// The name of what stands at a path below the root. Nobody's tree leads out of the directory that it is written
    /// into.
    public static func name(of relative: [UInt8]) throws(NameError) -> Name {
        relative.isEmpty ? root : try root.appending(relative)
    }
}
