// Small requests between ranks, one message each; file data never travels in them.

import DaftModel

public enum Request: Coded {
    /// To the metadata server: a store joins; the reply is `welcome`.
    case hello(Hello)
    /// The records after a head; any rank with a catalogue answers.
    case delta(after: Head)
    /// To the metadata server: publish these entries.
    case publish(Publication)
    /// To the metadata server: record these holdings.
    case hold([Holding])
    /// To the metadata server: the members of this run.
    case members
    /// To the metadata server: this rank begins or ends loading a content; the reply lists its other loaders.
    case loading(ContentID, begun: Bool)
    /// To a data server: bytes of these contents arrived corrupt from you; verify them.
    case doubt([ContentID])
    /// Execute this order; the reply is `finished`, or `working` with a number to poll.
    case order(Order)
    case poll(task: UInt64)
    case cancel(task: UInt64)
    /// To a data server: free space.
    case space
    /// To an offering rank: read and hash these chunks.
    case identify(Offer, [Span])
    /// A liveness check.
    case ping
    /// To the metadata server: this data server has joined, with the problems that it found.
    case joined([Failure])
    /// To the metadata server: end the whole system. To a data server: end.
    case quit
    /// The running commands of your users.
    case underWay
    /// To a data server: whether it sees exactly this file at that path.
    case sees(SourceFileInfo)
    /// From the metadata server to a data server: you were considered gone; join again.
    case join
    /// To the metadata server: keep this many copies.
    case wish(CopiesRequest)
    /// Trace events from this index on.
    case traced(from: Int)
    /// To a data server: a page of an offered tree; the `done` offers are finished.
    case offered(tree: UInt64, page: Int, done: [UInt64])
    /// To the metadata server: this data server withdraws for this reason.
    case withdrawn(Failure)
    /// To an offering rank: when these chunks may be read under the rate limit.
    case pace(offer: UInt64, [Span])
    /// To the metadata server, long poll: answer when the state differs from this one, or after the timeout.
    case news(after: State, milliseconds: Int)

    public static let minimumSize = 2
    public static let version: UInt8 = 1

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Request.version else { throw Malformed("request version", at: reader.offset - 1) }
        switch try reader.u8() {
        case 1: self = .hello(try Hello(from: &reader))
        case 2: self = .delta(after: try Head(from: &reader))
        case 4: self = .hold(try reader.list())
        case 5: self = .members
        case 6: self = .loading(try ContentID(from: &reader), begun: try reader.flag())
        case 8: self = .doubt(try reader.list())
        case 9: self = .order(try Order(from: &reader))
        case 10: self = .poll(task: try reader.u64())
        case 11: self = .cancel(task: try reader.u64())
        case 12: self = .space
        case 13: self = .identify(try Offer(from: &reader), try reader.list())
        case 14: self = .ping
        case 15: self = .joined(try reader.list())
        case 16: self = .quit
        case 17: self = .underWay
        case 18: self = .sees(try SourceFileInfo(from: &reader))
        case 19: self = .publish(try Publication(from: &reader))
        case 20: self = .join
        case 21: self = .wish(try CopiesRequest(from: &reader))
        case 22: self = .traced(from: try reader.count())
        case 23: self = .offered(tree: try reader.u64(), page: try reader.count(), done: try reader.numbers())
        case 24: self = .withdrawn(try Failure(from: &reader))
        case 25: self = .pace(offer: try reader.u64(), try reader.list())
        case 26: self = .news(after: try reader.u64(), milliseconds: try reader.count())
        default: throw Malformed("kind of request", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(Request.version)
        writer.u8(tag)
        switch self {
        case .hello(let hello): hello.encode(into: &writer)
        case .delta(let head): head.encode(into: &writer)
        case .publish(let publication): publication.encode(into: &writer)
        case .hold(let holdings): writer.list(holdings)
        case .joined(let failures): writer.list(failures)
        case .loading(let content, let begun):
            content.encode(into: &writer)
            writer.flag(begun)
        case .doubt(let contents): writer.list(contents)
        case .withdrawn(let failure): failure.encode(into: &writer)
        case .order(let order): order.encode(into: &writer)
        case .poll(let task), .cancel(let task): writer.u64(task)
        case .identify(let offer, let spans):
            offer.encode(into: &writer)
            writer.list(spans)
        case .sees(let info): info.encode(into: &writer)
        case .wish(let wish): wish.encode(into: &writer)
        case .traced(let first): writer.count(first)
        case .offered(let tree, let page, let done):
            writer.u64(tree)
            writer.count(page)
            writer.numbers(done)
        case .pace(let offer, let spans):
            writer.u64(offer)
            writer.list(spans)
        case .news(let state, let milliseconds):
            writer.u64(state)
            writer.count(milliseconds)
        case .members, .space, .ping, .quit, .underWay, .join: break
        }
    }

    private var tag: UInt8 {
        switch self {
        case .hello: 1
        case .delta: 2
        case .publish: 19
        case .hold: 4
        case .members: 5
        case .loading: 6
        case .doubt: 8
        case .order: 9
        case .poll: 10
        case .cancel: 11
        case .space: 12
        case .identify: 13
        case .ping: 14
        case .joined: 15
        case .quit: 16
        case .underWay: 17
        case .sees: 18
        case .join: 20
        case .wish: 21
        case .traced: 22
        case .offered: 23
        case .withdrawn: 24
        case .pace: 25
        case .news: 26
        }
    }
}

/// What a data server reports when it joins.
public struct Hello: Coded {
    public static let minimumSize = StoreInfo.minimumSize + Head.minimumSize + 1
    public let store: StoreInfo
    public let head: Head
    /// The system of its catalogue replica; nil for a fresh store.
    public let system: SystemID?

    public init(store: StoreInfo, head: Head, system: SystemID?) {
        self.store = store
        self.head = head
        self.system = system
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        store = try StoreInfo(from: &reader)
        head = try Head(from: &reader)
        system = try reader.flag() ? SystemID(from: &reader) : nil
    }

    public func encode(into writer: inout ByteWriter) {
        store.encode(into: &writer)
        head.encode(into: &writer)
        writer.flag(system != nil)
        system?.encode(into: &writer)
    }
}

/// Entries to publish, with their contents and holders.
public struct Publication: Coded {
    public static let minimumSize = 8 + Copies.minimumSize
    public let entries: [NamedEntry]
    public let contents: [KeptContent]
    /// How many copies of each are wanted.
    public let copies: Copies

    public init(entries: [NamedEntry], contents: [KeptContent], copies: Copies = .one) {
        self.entries = entries
        self.contents = contents
        self.copies = copies
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        entries = try reader.list()
        contents = try reader.list()
        copies = try Copies(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(entries)
        writer.list(contents)
        copies.encode(into: &writer)
    }
}

/// A content and its holders by store number.
public struct KeptContent: Coded {
    public static let minimumSize = 32 + Manifest.minimumSize + 4
    public let id: ContentID
    public let manifest: Manifest
    public let holdings: [StoreExtent]

    public init(id: ContentID, manifest: Manifest, holdings: [StoreExtent]) {
        self.id = id
        self.manifest = manifest
        self.holdings = holdings
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        id = try ContentID(from: &reader)
        manifest = try Manifest(from: &reader)
        holdings = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        id.encode(into: &writer)
        manifest.encode(into: &writer)
        writer.list(holdings)
    }
}

public struct StoreExtent: Coded {
    public static let minimumSize = 5
    public let store: Int
    public let extent: Extent

    public init(store: Int, _ extent: Extent) {
        self.store = store
        self.extent = extent
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        store = try reader.ordinal()
        extent = try Extent(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.count(store)
        extent.encode(into: &writer)
    }
}

/// A range of chunks of an offered file.
public struct Span: Coded {
    public static let minimumSize = 12
    public let file: Int
    public let first: Int
    public let count: Int

    public init(file: Int, first: Int, count: Int) {
        self.file = file
        self.first = first
        self.count = count
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        file = try reader.count()
        first = try reader.count()
        count = try reader.count()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.count(file)
        writer.count(first)
        writer.count(count)
    }

    public var chunks: Range<Int> { first..<first + count }
}
