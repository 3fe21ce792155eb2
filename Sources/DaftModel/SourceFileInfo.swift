// A source file as found in the user's tree: its path, and the attributes that reveal changes.

public struct SourceFileInfo: Coded {
    public static let minimumSize = 54
    /// Absolute; may exceed the kernel's path limit.
    public let path: [UInt8]
    public let size: Int64
    public let mtime: Time
    public let ctime: Time
    public let device: UInt64
    public let inode: UInt64
    /// Permission bits, 0…0o7777.
    public let mode: UInt16

    public init(
        path: [UInt8], size: Int64, mtime: Time, ctime: Time, device: UInt64, inode: UInt64, mode: UInt16
    ) {
        self.path = path
        self.size = size
        self.mtime = mtime
        self.ctime = ctime
        self.device = device
        self.inode = inode
        self.mode = mode & 0o7777
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        path = try reader.run()
        guard path.first == UInt8(ascii: "/"), !path.contains(0) else { throw reader.malformed("absolute path") }
        size = try reader.i64()
        guard size >= 0, size < Int64.max - Int64(ChunkSize.largest) else { throw reader.malformed("size of a file") }
        mtime = try Time(from: &reader)
        ctime = try Time(from: &reader)
        device = try reader.u64()
        inode = try reader.u64()
        mode = try reader.u16()
        guard mode <= 0o7777 else { throw reader.malformed("mode") }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.run(path)
        writer.i64(size)
        mtime.encode(into: &writer)
        ctime.encode(into: &writer)
        writer.u64(device)
        writer.u64(inode)
        writer.u16(mode)
    }
}
