// The order to write a stored file to a path outside the store.

import DaftModel

public struct WriteOut: Coded {
    public static let minimumSize = Name.minimumSize + 4 + 2 + 1 + 1 + 1
    /// A published file that the store keeps.
    public let name: Name
    public let path: [UInt8]
    public let mode: UInt16
    /// Nil: the time of writing.
    public let mtime: Time?
    /// Whether an existing file may be replaced.
    public let isForced: Bool
    /// Only check whether it would work.
    public let isTrial: Bool

    public init(name: Name, path: [UInt8], mode: UInt16, mtime: Time?, isForced: Bool, isTrial: Bool) {
        (self.name, self.path, self.mode, self.mtime) = (name, path, mode & 0o777, mtime)
        (self.isForced, self.isTrial) = (isForced, isTrial)
    }

    public var trial: WriteOut {
        WriteOut(name: name, path: path, mode: mode, mtime: mtime, isForced: isForced, isTrial: true)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        name = try Name(from: &reader)
        path = try reader.run()
        guard path.first == Name.slash, !path.contains(0) else { throw reader.malformed("absolute path") }
        mode = try reader.u16()
        guard mode <= 0o777 else { throw reader.malformed("mode") }
        mtime = try reader.flag() ? Time(from: &reader) : nil
        isForced = try reader.flag()
        isTrial = try reader.flag()
    }

    public func encode(into writer: inout ByteWriter) {
        name.encode(into: &writer)
        writer.run(path)
        writer.u16(mode)
        writer.flag(mtime != nil)
        mtime?.encode(into: &writer)
        writer.flag(isForced)
        writer.flag(isTrial)
    }
}
