// How a command's output is formatted; sent along with the command to its performer.

import DaftModel

public struct OutputStyle: Coded {
    public static let minimumSize = 7

    /// One JSON object per line.
    public var json = false
    public var quiet = false
    public var verbose = false
    public var progress = true
    /// Sizes are exact numbers of bytes.
    public var exactSizes = false
    /// Results go to a terminal, where they can be redrawn.
    public var isOnTerminal = false
    public var isColoured = false

    public init() {}

    public init(from reader: inout ByteReader) throws(Malformed) {
        json = try reader.flag()
        quiet = try reader.flag()
        verbose = try reader.flag()
        progress = try reader.flag()
        exactSizes = try reader.flag()
        isOnTerminal = try reader.flag()
        isColoured = try reader.flag()
    }

    public func encode(into writer: inout ByteWriter) {
        for flag in [json, quiet, verbose, progress, exactSizes, isOnTerminal, isColoured] { writer.flag(flag) }
    }

    public var drawsProgress: Bool { progress && !quiet }

    /// `4.0 MiB`, or `4194304` if exact.
    public func size(_ bytes: Int64) -> String { exactSizes ? "\(bytes)" : shown(size: bytes) }

    /// Likewise, for use in a sentence.
    public func amount(_ bytes: Int64) -> String { exactSizes ? "\(bytes) B" : shown(size: bytes) }
}
