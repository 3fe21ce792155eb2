// The outcome of an order.

import DaftModel

public enum Outcome: Coded {
    /// Each file of an ingest, in order, and the bytes sent over the link.
    case ingested([Ingested], moved: Int64)
    /// The failures of settling, placing, discarding, noting, writing out or remembering.
    case placed([Failure])
    /// The failures of restoring, and what was moved aside.
    case restored([Failure], warnings: [Failure])
    case fetched(Fetched)
    case verified(Verified)
    case failed(Failure)
    case repaired(Repaired)
    case collected(Collected)
    /// For each requested file, in order.
    case recognised([SourceLookup])
    /// Positions of the correctly placed entries.
    case inspected(BitSet)

    public static let minimumSize = 5

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 1: self = .ingested(try reader.list(), moved: try reader.amount())
        case 2: self = .placed(try reader.list())
        case 3: self = .fetched(try Fetched(from: &reader))
        case 4: self = .verified(try Verified(from: &reader))
        case 5: self = .failed(try Failure(from: &reader))
        case 6: self = .repaired(try Repaired(from: &reader))
        case 8: self = .collected(try Collected(from: &reader))
        case 9: self = .recognised(try reader.list())
        case 10: self = .inspected(try BitSet(from: &reader))
        case 11: self = .restored(try reader.list(), warnings: try reader.list())
        default: throw Malformed("kind of outcome", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .ingested(let files, let moved):
            writer.u8(1)
            writer.list(files)
            writer.i64(moved)
        case .placed(let failures):
            writer.u8(2)
            writer.list(failures)
        case .restored(let failures, let warnings):
            writer.u8(11)
            writer.list(failures)
            writer.list(warnings)
        case .fetched(let fetched):
            writer.u8(3)
            fetched.encode(into: &writer)
        case .verified(let verified):
            writer.u8(4)
            verified.encode(into: &writer)
        case .failed(let failure):
            writer.u8(5)
            failure.encode(into: &writer)
        case .repaired(let repaired):
            writer.u8(6)
            repaired.encode(into: &writer)
        case .collected(let collected):
            writer.u8(8)
            collected.encode(into: &writer)
        case .recognised(let files):
            writer.u8(9)
            writer.list(files)
        case .inspected(let positions):
            writer.u8(10)
            positions.encode(into: &writer)
        }
    }
}

/// The result of ingesting one file or part.
public enum Ingested: Coded {
    case whole(ContentID, Manifest)
    case part([ChunkID])
    case failed(Failure)

    public static let minimumSize = 5

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 1: self = .whole(try ContentID(from: &reader), try Manifest(from: &reader))
        case 2: self = .part(try reader.list())
        case 3: self = .failed(try Failure(from: &reader))
        default: throw Malformed("kind of ingested file", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .whole(let content, let manifest):
            writer.u8(1)
            content.encode(into: &writer)
            manifest.encode(into: &writer)
        case .part(let ids):
            writer.u8(2)
            writer.list(ids)
        case .failed(let failure):
            writer.u8(3)
            failure.encode(into: &writer)
        }
    }
}

/// The result of a fetch.
public struct Fetched: Coded {
    public static let minimumSize = 24
    /// Files placed at their names.
    public let files: Int64
    /// Bytes sent over the link.
    public let moved: Int64
    public let failures: [Failure]
    /// Contents that are incomplete here, and which chunks are present.
    public let lacking: [MissingContent]

    public init(files: Int64, moved: Int64, failures: [Failure], lacking: [MissingContent]) {
        self.files = files
        self.moved = moved
        self.failures = failures
        self.lacking = lacking
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        files = try reader.amount()
        moved = try reader.amount()
        failures = try reader.list()
        lacking = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.i64(files)
        writer.i64(moved)
        writer.list(failures)
        writer.list(lacking)
    }
}

public struct MissingContent: Coded {
    public static let minimumSize = 33
    public let content: ContentID
    public let extent: Extent

    public init(_ content: ContentID, _ extent: Extent) {
        self.content = content
        self.extent = extent
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        content = try ContentID(from: &reader)
        extent = try Extent(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        content.encode(into: &writer)
        extent.encode(into: &writer)
    }
}

/// The result of a scrub.
public struct Verified: Coded {
    public static let minimumSize = 36
    public let contents: Int64
    public let bytes: Int64
    /// Chunks that were corrupt or gone, and how many of them were restored from good copies.
    public let corrupt: Int64
    public let repaired: Int64
    public let failures: [Failure]

    public init(contents: Int64, bytes: Int64, corrupt: Int64, repaired: Int64, failures: [Failure]) {
        self.contents = contents
        self.bytes = bytes
        self.corrupt = corrupt
        self.repaired = repaired
        self.failures = failures
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        contents = try reader.amount()
        bytes = try reader.amount()
        corrupt = try reader.amount()
        repaired = try reader.amount()
        failures = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        for value in [contents, bytes, corrupt, repaired] { writer.i64(value) }
        writer.list(failures)
    }
}

/// The result of a repair.
public struct Repaired: Coded {
    public static let minimumSize = 32
    /// Contents, or parts of them, of which a data server got a copy; counted per data server.
    public var copies: Int64
    /// Their bytes, and the bytes sent over the link.
    public var bytes, moved: Int64
    public var failures: [Failure]
    /// More copies are wanted than there are data servers.
    public var warnings: [Failure]

    public init(
        copies: Int64 = 0, bytes: Int64 = 0, moved: Int64 = 0, failures: [Failure] = [], warnings: [Failure] = []
    ) {
        self.copies = copies
        self.bytes = bytes
        self.moved = moved
        self.failures = failures
        self.warnings = warnings
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        copies = try reader.amount()
        bytes = try reader.amount()
        moved = try reader.amount()
        failures = try reader.list()
        warnings = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        for value in [copies, bytes, moved] { writer.i64(value) }
        writer.list(failures)
        writer.list(warnings)
    }
}
