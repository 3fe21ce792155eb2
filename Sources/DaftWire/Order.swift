// Orders to data servers, and two to the metadata server. Orders may take long: the sender polls progress and may
// cancel.

import DaftModel

public enum Order: Coded {
    /// Read, hash and store these files, without names.
    case ingest(Ingest)
    /// The data stored under these keys are parts of contents now known.
    case settle([Settled])
    /// Place stored contents at their names; create directories and symlinks.
    case place([NamedEntry])
    /// Fetch published names into this store.
    case fetch(Fetch)
    /// Scrub what this store keeps below these names, or everything.
    case verify(below: [Name], state: State)
    /// Drop these contents, which got no names.
    case discard([ContentID])
    /// Fetch these parts of contents and report the new holdings to the metadata server.
    case replicate(Replicate)
    /// To the metadata server: create missing copies below these names, or of everything.
    case repair(below: [Name])
    /// To the metadata server: copy what only this store keeps, then remove it from the system.
    case leave(store: Int)
    /// Record these names of contents kept in part.
    case note([NamedEntry])
    /// Publish files of your node.
    case collect(Collect)
    /// Write a stored file to a path of your node.
    case writeOut(WriteOut)
    /// Place contents at names published before; conflicting files are moved aside.
    case restore([NamedEntry])
    /// Serve a tree of your node.
    case offer(OfferOrder)
    /// Look up the contents that these files of your node had when last read.
    case recognise([SourceIdentity])
    /// Remember the contents of these files.
    case remember([KnownSource])
    /// Check which of these entries are correctly placed in your store.
    case inspect([NamedEntry])

    public static let minimumSize = 5

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 1: self = .ingest(try Ingest(from: &reader))
        case 2: self = .settle(try reader.list())
        case 3: self = .place(try reader.list())
        case 4: self = .fetch(try Fetch(from: &reader))
        case 5: self = .verify(below: try reader.list(), state: try reader.u64())
        case 6: self = .discard(try reader.list())
        case 7: self = .replicate(try Replicate(from: &reader))
        case 8: self = .repair(below: try reader.list())
        case 9: self = .leave(store: try reader.ordinal())
        case 10: self = .note(try reader.list())
        case 11: self = .collect(try Collect(from: &reader))
        case 12: self = .writeOut(try WriteOut(from: &reader))
        case 13: self = .offer(try OfferOrder(from: &reader))
        case 14: self = .recognise(try reader.list())
        case 15: self = .remember(try reader.list())
        case 16: self = .inspect(try reader.list())
        case 17: self = .restore(try reader.list())
        default: throw Malformed("kind of order", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .ingest(let ingest):
            writer.u8(1)
            ingest.encode(into: &writer)
        case .settle(let settled):
            writer.u8(2)
            writer.list(settled)
        case .place(let entries):
            writer.u8(3)
            writer.list(entries)
        case .fetch(let fetch):
            writer.u8(4)
            fetch.encode(into: &writer)
        case .verify(let names, let state):
            writer.u8(5)
            writer.list(names)
            writer.u64(state)
        case .restore(let entries):
            writer.u8(17)
            writer.list(entries)
        case .discard(let contents):
            writer.u8(6)
            writer.list(contents)
        case .replicate(let replicate):
            writer.u8(7)
            replicate.encode(into: &writer)
        case .repair(let names):
            writer.u8(8)
            writer.list(names)
        case .leave(let store):
            writer.u8(9)
            writer.count(store)
        case .note(let entries):
            writer.u8(10)
            writer.list(entries)
        case .collect(let collect):
            writer.u8(11)
            collect.encode(into: &writer)
        case .writeOut(let order):
            writer.u8(12)
            order.encode(into: &writer)
        case .offer(let offering):
            writer.u8(13)
            offering.encode(into: &writer)
        case .recognise(let files):
            writer.u8(14)
            writer.list(files)
        case .remember(let files):
            writer.u8(15)
            writer.list(files)
        case .inspect(let entries):
            writer.u8(16)
            writer.list(entries)
        }
    }
}

/// Files to ingest: of this node, or offered by another rank.
public struct Ingest: Coded {
    public static let minimumSize = Offer.minimumSize + 18
    /// The offer that has the files.
    public let offer: Offer
    /// The paths exist on this node, so it reads them itself.
    public let isHere: Bool
    /// The chain of data servers that ingest the same files and relay their bytes.
    public let chain: Chain?
    public let chunkSize: ChunkSize
    /// The rate limit that the offering rank enforces for all readers together.
    public let limit: ByteRate?
    public let files: [IngestFile]

    public init(
        offer: Offer, isHere: Bool, chain: Chain? = nil, chunkSize: ChunkSize, limit: ByteRate? = nil,
        files: [IngestFile]
    ) {
        self.offer = offer
        self.isHere = isHere
        self.chain = chain
        self.limit = limit
        self.chunkSize = chunkSize
        self.files = files
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        offer = try Offer(from: &reader)
        isHere = try reader.flag()
        chain = try reader.flag() ? Chain(from: &reader) : nil
        chunkSize = try ChunkSize(from: &reader)
        limit = try reader.rate()
        files = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        offer.encode(into: &writer)
        writer.flag(isHere)
        writer.flag(chain != nil)
        chain?.encode(into: &writer)
        chunkSize.encode(into: &writer)
        writer.rate(limit)
        writer.list(files)
    }

    /// A file with invalid spans: chunks out of range, or an incomplete range for a file that is no part.
    public var misfit: IngestFile? {
        files.first { file in
            let (span, count) = (file.span, chunkSize.count(of: file.info.size))
            return span.first + span.count > count || !file.isPart && span.chunks != 0..<count
        }
    }
}

public struct Offer: Coded {
    public static let minimumSize = 12
    public let rank: Rank
    public let number: UInt64

    public init(rank: Rank, number: UInt64) {
        self.rank = rank
        self.number = number
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        rank = try Rank(from: &reader)
        number = try reader.u64()
    }

    public func encode(into writer: inout ByteWriter) {
        rank.encode(into: &writer)
        writer.u64(number)
    }
}

/// One file, or a range of its chunks.
public struct IngestFile: Coded {
    public static let minimumSize = SourceFileInfo.minimumSize + 46
    public let info: SourceFileInfo
    /// Identifies the unchanged file, to resume an interrupted ingest.
    public let key: Digest
    public let span: Span
    /// The file is split over stores: keep the bytes as a part, whose content is reported later.
    public let isPart: Bool
    /// The content published at the file's name: differing files are refused before they are transferred.
    public let publishedContent: ContentID?

    public init(info: SourceFileInfo, key: Digest, span: Span, isPart: Bool, publishedContent: ContentID? = nil) {
        self.info = info
        self.key = key
        self.span = span
        self.isPart = isPart
        self.publishedContent = publishedContent
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        info = try SourceFileInfo(from: &reader)
        key = try Digest(from: &reader)
        span = try Span(from: &reader)
        isPart = try reader.flag()
        publishedContent = try reader.flag() ? try ContentID(from: &reader) : nil
    }

    public func encode(into writer: inout ByteWriter) {
        info.encode(into: &writer)
        key.encode(into: &writer)
        span.encode(into: &writer)
        writer.flag(isPart)
        writer.flag(publishedContent != nil)
        publishedContent?.encode(into: &writer)
    }
}

/// The content of the parts stored under `key`.
public struct Settled: Coded {
    public static let minimumSize = 64 + Manifest.minimumSize
    public let key: Digest
    public let content: ContentID
    public let manifest: Manifest

    public init(key: Digest, content: ContentID, manifest: Manifest) {
        self.key = key
        self.content = content
        self.manifest = manifest
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        key = try Digest(from: &reader)
        content = try ContentID(from: &reader)
        manifest = try Manifest(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        key.encode(into: &writer)
        content.encode(into: &writer)
        manifest.encode(into: &writer)
    }
}

/// Published names to fetch. The data server lists them from its catalogue replica, so the order stays small.
public struct Fetch: Coded {
    public static let minimumSize = 22
    public let below: [Name]
    /// The state when the order was given; the data server catches up to it first.
    public let state: State
    /// The chain of data servers that fetch the same and relay it.
    public let chain: Chain?
    /// Whether the data server reports its holdings; for a broadcast the caller reports for all at once.
    public let reports: Bool
    /// Rate limit.
    public let limit: ByteRate?

    public init(below: [Name], state: State, chain: Chain? = nil, reports: Bool, limit: ByteRate? = nil) {
        self.below = below
        self.state = state
        self.chain = chain
        self.reports = reports
        self.limit = limit
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        below = try reader.list()
        state = try reader.u64()
        chain = try reader.flag() ? Chain(from: &reader) : nil
        reports = try reader.flag()
        limit = try reader.rate()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(below)
        writer.u64(state)
        writer.flag(chain != nil)
        chain?.encode(into: &writer)
        writer.flag(reports)
        writer.rate(limit)
    }
}

/// Further copies to fetch from other holders.
public struct Replicate: Coded {
    public static let minimumSize = 12
    /// The wanted parts per content.
    public let wanted: [MissingContent]
    /// The state when the order was given; the data server catches up to it first.
    public let state: State

    public init(_ wanted: [MissingContent], state: State) {
        self.wanted = wanted
        self.state = state
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        wanted = try reader.list()
        state = try reader.u64()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(wanted)
        writer.u64(state)
    }
}
