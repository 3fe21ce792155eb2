// What a data server can be told to do, and two things that the metadata server can. An order may take long: whoever
// gave it polls, sees its progress, and may cancel it.

import DaftModel

public enum Order: Coded {
    /// Read these files, hash them and keep their bytes, without names yet.
    case ingest(Ingest)
    /// Bytes kept under these keys are parts of contents that are known now.
    case settle([Settled])
    /// Give kept contents their names; make directories and symlinks.
    case place([NamedEntry])
    /// Bring what is published into this store.
    case fetch(Fetch)
    /// Read again and hash what this store keeps below these names, or all of it.
    case verify(below: [Name], state: State)
    /// Forget these contents, which got no name.
    case discard([ContentID])
    /// Bring these parts of contents into this store, and say to the metadata server what is here then.
    case replicate(Replicate)
    /// To the metadata server: have the copies made that are wanted and lacking, below these names or of everything.
    case repair(below: [Name])
    /// To the metadata server: have copied what only this store keeps, then let it leave.
    case leave(store: Int)
    /// Remember these names of contents that are kept here in part.
    case note([NamedEntry])
    /// Publish what stands on your node.
    case collect(Collect)
    /// Write a file that you keep to your node.
    case writeOut(WriteOut)
    /// Give kept contents names that were published before; what stands in their place is moved to the side.
    case restore([NamedEntry])
    /// Let me read what stands on your node.
    case offer(OfferOrder)
    /// Say of files of your node which contents they had when they were read last.
    case recognise([SourceIdentity])
    /// Remember that.
    case remember([KnownSource])
    /// Say which of these stand in your store just so.
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

/// Files to take in: paths of this node, or files that another rank offers.
public struct Ingest: Coded {
    public static let minimumSize = Offer.minimumSize + 18
    /// Who offers the files, under which number.
    public let offer: Offer
    /// The paths are this node's own too: it reads them itself.
    public let isHere: Bool
    /// All data servers of the chain take in the same files, and pass on what comes.
    public let chain: Chain?
    public let chunkSize: ChunkSize
    /// No bytes are read sooner than who offers them allows; what that comes to for all who read.
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

    /// A file that is outside of what it should be: chunks that it has not, or not all of them where it is no part.
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

/// One file, or a run of its chunks.
public struct IngestFile: Coded {
    public static let minimumSize = SourceFileInfo.minimumSize + 46
    public let info: SourceFileInfo
    /// Names the file as it was seen, so that an interrupted ingest goes on where it was.
    public let key: Digest
    public let span: Span
    /// The file is cut over several stores: keep the bytes as a part, whose content is told later.
    public let isPart: Bool
    /// What stands under the name that the file is for: bytes that are not these are refused before they move.
    public let standing: ContentID?

    public init(info: SourceFileInfo, key: Digest, span: Span, isPart: Bool, standing: ContentID? = nil) {
        self.info = info
        self.key = key
        self.span = span
        self.isPart = isPart
        self.standing = standing
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        info = try SourceFileInfo(from: &reader)
        key = try Digest(from: &reader)
        span = try Span(from: &reader)
        isPart = try reader.flag()
        standing = try reader.flag() ? try ContentID(from: &reader) : nil
    }

    public func encode(into writer: inout ByteWriter) {
        info.encode(into: &writer)
        key.encode(into: &writer)
        span.encode(into: &writer)
        writer.flag(isPart)
        writer.flag(standing != nil)
        standing?.encode(into: &writer)
    }
}

/// The content that the parts kept under `key` belong to.
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

/// Published names to bring in. The data server lists them from its own copy of the catalogue, so an order is
/// small however many files it means.
public struct Fetch: Coded {
    public static let minimumSize = 22
    public let below: [Name]
    /// The state that the order was given in; the data server catches up to it first.
    public let state: State
    /// All data servers of the chain bring in the same, and pass on what comes.
    public let chain: Chain?
    /// Whether the data server reports what it now keeps; a broadcast's caller does it for all at once.
    public let reports: Bool
    /// How fast it may come in.
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

/// Further copies, to be taken from whoever keeps them.
public struct Replicate: Coded {
    public static let minimumSize = 12
    /// What is wanted here of each content.
    public let wanted: [Lacking]
    /// The state that the order was given in; the data server catches up to it first.
    public let state: State

    public init(_ wanted: [Lacking], state: State) {
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
