// Replies to requests.

import DaftModel

public enum Reply: Coded {
    case done
    case failed(Failure)
    /// The store's number, and the catalogue's head.
    case welcome(number: Int, Head)
    case records(Delta)
    /// The requester's journal has forked: it must discard it and start over.
    case forked
    /// The verdict on each entry of a publication, in order, and the resulting state.
    case published(State, [Verdict])
    case members([Member])
    case loaders([Rank])
    case working(task: UInt64, Progress)
    case finished(Outcome)
    case space(Space)
    case identified([Identified])
    case underWay(Activity)
    case traced(TracePage)
    case offered(OfferedPage)
    /// Wait for this long before reading.
    case wait(nanoseconds: UInt64)

    public static let minimumSize = 2
    public static let version: UInt8 = 1

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Reply.version else { throw Malformed("reply version", at: reader.offset - 1) }
        switch try reader.u8() {
        case 1: self = .done
        case 2: self = .failed(try Failure(from: &reader))
        case 3: self = .welcome(number: try reader.ordinal(), try Head(from: &reader))
        case 4: self = .records(try Delta(from: &reader))
        case 5: self = .forked
        case 6: self = .published(try reader.u64(), try reader.list())
        case 8: self = .loaders(try reader.list())
        case 10: self = .working(task: try reader.u64(), try Progress(from: &reader))
        case 11: self = .finished(try Outcome(from: &reader))
        case 16: self = .space(try Space(from: &reader))
        case 13: self = .identified(try reader.list())
        case 17: self = .underWay(try Activity(from: &reader))
        case 15: self = .members(try reader.list())
        case 18: self = .traced(try TracePage(from: &reader))
        case 19: self = .offered(try OfferedPage(from: &reader))
        case 20: self = .wait(nanoseconds: try reader.u64())
        default: throw Malformed("kind of reply", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(Reply.version)
        switch self {
        case .done: writer.u8(1)
        case .failed(let failure): tagged(2, failure, &writer)
        case .welcome(let number, let head):
            writer.u8(3)
            writer.count(number)
            head.encode(into: &writer)
        case .records(let delta): tagged(4, delta, &writer)
        case .forked: writer.u8(5)
        case .published(let state, let verdicts):
            writer.u8(6)
            writer.u64(state)
            writer.list(verdicts)
        case .members(let members): listed(15, members, &writer)
        case .loaders(let ranks): listed(8, ranks, &writer)
        case .working(let task, let progress):
            writer.u8(10)
            writer.u64(task)
            progress.encode(into: &writer)
        case .finished(let outcome): tagged(11, outcome, &writer)
        case .space(let space): tagged(16, space, &writer)
        case .identified(let identified): listed(13, identified, &writer)
        case .underWay(let activity): tagged(17, activity, &writer)
        case .traced(let page): tagged(18, page, &writer)
        case .offered(let page): tagged(19, page, &writer)
        case .wait(let nanoseconds):
            writer.u8(20)
            writer.u64(nanoseconds)
        }
    }

    private func tagged(_ tag: UInt8, _ value: some Coded, _ writer: inout ByteWriter) {
        writer.u8(tag)
        value.encode(into: &writer)
    }

    private func listed(_ tag: UInt8, _ values: [some Coded], _ writer: inout ByteWriter) {
        writer.u8(tag)
        writer.list(values)
    }
}

/// The verdict on one entry of a publication.
public enum Verdict: Coded {
    case new
    /// The entry existed, the same or with another mode or mtime.
    case known
    case refused(Failure)

    public static let minimumSize = 1

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 0: self = .new
        case 1: self = .known
        case 2: self = .refused(try Failure(from: &reader))
        default: throw Malformed("verdict", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .new: writer.u8(0)
        case .known: writer.u8(1)
        case .refused(let failure):
            writer.u8(2)
            failure.encode(into: &writer)
        }
    }
}

/// A data server of this run.
public struct Member: Coded {
    public static let minimumSize = 17 + StoreInfo.minimumSize
    public let rank: Rank
    public let number: Int
    public let store: StoreInfo
    public let isAlive: Bool
    /// How long it has been away; a duration, because clocks differ.
    public let awayMilliseconds: UInt64

    public init(rank: Rank, number: Int, store: StoreInfo, isAlive: Bool, awayMilliseconds: UInt64 = 0) {
        self.rank = rank
        self.number = number
        self.store = store
        self.isAlive = isAlive
        self.awayMilliseconds = awayMilliseconds
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        rank = try Rank(from: &reader)
        number = try reader.ordinal()
        store = try StoreInfo(from: &reader)
        isAlive = try reader.flag()
        awayMilliseconds = try reader.u64()
    }

    public func encode(into writer: inout ByteWriter) {
        rank.encode(into: &writer)
        writer.count(number)
        store.encode(into: &writer)
        writer.flag(isAlive)
        writer.u64(awayMilliseconds)
    }
}

public struct Space: Coded {
    public static let minimumSize = 24
    /// `unfinished`: space used by incomplete and unnamed contents.
    public let total, free, unfinished: Int64

    /// Clamps values of odd filesystems to the wire format's range.
    public init(total: Int64, free: Int64, unfinished: Int64 = 0) {
        func amount(_ bytes: Int64) -> Int64 { min(max(0, bytes), Malformed.largestAmount) }
        (self.total, self.free, self.unfinished) = (amount(total), amount(free), amount(unfinished))
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        total = try reader.amount()
        free = try reader.amount()
        unfinished = try reader.amount()
    }

    public func encode(into writer: inout ByteWriter) {
        for value in [total, free, unfinished] { writer.i64(value) }
    }
}

/// Progress of work. Totals grow while a tree is being walked.
public struct Progress: Coded {
    public static let minimumSize = 32
    public var bytes, totalBytes, files, totalFiles: Int64

    public init(bytes: Int64 = 0, totalBytes: Int64 = 0, files: Int64 = 0, totalFiles: Int64 = 0) {
        self.bytes = bytes
        self.totalBytes = totalBytes
        self.files = files
        self.totalFiles = totalFiles
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        bytes = try reader.amount()
        totalBytes = try reader.amount()
        files = try reader.amount()
        totalFiles = try reader.amount()
    }

    public func encode(into writer: inout ByteWriter) {
        for value in [bytes, totalBytes, files, totalFiles] { writer.i64(value) }
    }

    public static func + (x: Progress, y: Progress) -> Progress {
        Progress(
            bytes: x.bytes &+ y.bytes, totalBytes: x.totalBytes &+ y.totalBytes, files: x.files &+ y.files,
            totalFiles: x.totalFiles &+ y.totalFiles)
    }
}

/// The ids of a span's chunks, or why there are none.
public enum Identified: Coded {
    case ids([ChunkID])
    case failed(Failure)
    /// Not known (yet).
    case unknown

    public static let minimumSize = 1

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 0: self = .failed(try Failure(from: &reader))
        case 1: self = .ids(try reader.list())
        case 2: self = .unknown
        default: throw Malformed("what is known of a span", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .failed(let failure):
            writer.u8(0)
            failure.encode(into: &writer)
        case .ids(let ids):
            writer.u8(1)
            writer.list(ids)
        case .unknown: writer.u8(2)
        }
    }
}
