// The attributes by which a data server recognises an unchanged file of its node, and the content it had.

/// Differs after every change of a file's bytes or inode on filesystems with `recordsChanges`.
public struct SourceIdentity: Coded {
    public static let minimumSize = 48
    public let device: UInt64
    public let inode: UInt64
    public let size: Int64
    public let mtime: Time
    public let ctime: Time

    public init(_ info: SourceFileInfo) {
        device = info.device
        inode = info.inode
        size = info.size
        mtime = info.mtime
        ctime = info.ctime
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        device = try reader.u64()
        inode = try reader.u64()
        size = try reader.amount()
        mtime = try Time(from: &reader)
        ctime = try Time(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(device)
        writer.u64(inode)
        writer.i64(size)
        mtime.encode(into: &writer)
        ctime.encode(into: &writer)
    }

    /// Whether no later write can have the same timestamps: filesystem clocks may stand still for milliseconds, on old
    /// filesystems for two seconds. `seen`: when the file was examined, before it was read.
    public func isSettled(seen: Time, marginMilliseconds: Int64) -> Bool {
        let nanoseconds = Int64(seen.nanoseconds) - marginMilliseconds % 1_000 * 1_000_000
        let borrow: Int64 = nanoseconds < 0 ? 1 : 0
        let limit = Time(
            seconds: seen.seconds - marginMilliseconds / 1_000 - borrow,
            nanoseconds: UInt32(nanoseconds + borrow * 1_000_000_000))
        return max(mtime, ctime) < limit
    }
}

/// A file that was read, and its published content.
public struct KnownSource: Coded {
    public static let minimumSize = SourceIdentity.minimumSize + 32
    public let identity: SourceIdentity
    public let content: ContentID

    public init(_ identity: SourceIdentity, _ content: ContentID) {
        self.identity = identity
        self.content = content
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        identity = try SourceIdentity(from: &reader)
        content = try ContentID(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        identity.encode(into: &writer)
        content.encode(into: &writer)
    }
}

/// The content of a requested file, if known.
public struct SourceLookup: Coded {
    public static let minimumSize = 1
    public let content: ContentID?

    public init(_ content: ContentID?) { self.content = content }

    public init(from reader: inout ByteReader) throws(Malformed) {
        content = try reader.flag() ? ContentID(from: &reader) : nil
    }

    public func encode(into writer: inout ByteWriter) {
        writer.flag(content != nil)
        content?.encode(into: &writer)
    }
}
