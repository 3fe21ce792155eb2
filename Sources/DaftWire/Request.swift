// The small questions that ranks ask one another. A request is one message; bytes of files never travel in it.

import DaftModel

public enum Request: Coded {
    /// To the metadata server: a store is here; the answer is `welcome`.
    case hello(Hello)
    /// The records after a head; any rank with a catalogue answers.
    case delta(after: Head)
    /// To the metadata server: these names, with what stands under them.
    case publish(Publication)
    /// To the metadata server: from now on this is kept where it says.
    case hold([Holding])
    /// To the metadata server: who is in the system in this run.
    case members
    /// To the metadata server: this rank begins or ends loading a content; the answer is who else is loading it.
    case loading(ContentID, begun: Bool)
    /// To a data server: bytes of these contents came wrong from you; look.
    case doubt([ContentID])
    /// To whom the order is for: do this; the answer is `finished`, or `working` with a number to poll.
    case order(Order)
    case poll(task: UInt64)
    case cancel(task: UInt64)
    /// To a data server: how much room is there?
    case space
    /// To a rank that offers files: read and hash these chunks.
    case identify(Offer, [Span])
    /// Are you there?
    case ping
    /// To the metadata server: this data server has caught up and compared what it keeps; what it found wrong.
    case joined([Failure])
    /// To the metadata server: a user wants the whole system to end. From it to a data server: end.
    case quit
    /// What commands have your users under way?
    case underWay
    /// To a data server: do you see just this, under that path?
    case sees(SourceFileInfo)
    /// From the metadata server to a data server: you were away; say hello again.
    case join
    /// To the metadata server: so many copies are wanted.
    case wish(CopiesRequest)
    /// What have you noted for a trace, from that event on?
    case traced(from: Int)
    /// To a data server: that page of a tree which you offer to me; I have what I want of these offers.
    case offered(tree: UInt64, page: Int, done: [UInt64])
    /// To the metadata server: this data server takes no part any more, for this reason.
    case withdrawn(Failure)
    /// To a rank that offers files under that number: when may I read these chunks?
    case pace(offer: UInt64, [Span])
    /// To the metadata server: answer as soon as your state is another than this one, or after that time.
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

/// What a data server brings when it joins.
public struct Hello: Coded {
    public static let minimumSize = StoreInfo.minimumSize + Head.minimumSize + 1
    public let store: StoreInfo
    public let head: Head
    /// Whose catalogue it has a copy of; nothing yet for a fresh store.
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

/// Names to publish, and the contents that stand under them with who keeps what.
public struct Publication: Coded {
    public static let minimumSize = 8 + Copies.minimumSize
    public let entries: [NamedEntry]
    public let contents: [KeptContent]
    /// How many copies are wanted of all of them.
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

/// A content and which stores, by number, keep how much of it.
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

/// A run of chunks of one offered file.
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
