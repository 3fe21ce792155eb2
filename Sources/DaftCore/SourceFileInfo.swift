// placeholder replaced on merge
public struct SourceFileInfo: Coded {
    public static let minimumSize = 54
    public let path: [UInt8]
    public let size: Int64
    public let mtime: Time
    public let ctime: Time
    public let device, inode: UInt64
    public let mode: UInt16
    public init(path: [UInt8], size: Int64, mtime: Time, ctime: Time, device: UInt64, inode: UInt64, mode: UInt16) {
        self.path = path; self.size = size; self.mtime = mtime; self.ctime = ctime
        self.device = device; self.inode = inode; self.mode = mode
    }
    public init(from reader: inout ByteReader) throws(Malformed) {
        path = try reader.run(); size = try reader.i64(); mtime = try Time(from: &reader); ctime = try Time(from: &reader)
        device = try reader.u64(); inode = try reader.u64(); mode = try reader.u16()
    }
    public func encode(into writer: inout ByteWriter) {
        writer.run(path); writer.i64(size); mtime.encode(into: &writer); ctime.encode(into: &writer)
        writer.u64(device); writer.u64(inode); writer.u16(mode)
    }
}
