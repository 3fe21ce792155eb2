// How a user wants to see what a command says. It goes with the command to wherever that is performed.

import DaftModel

public struct OutputStyle: Coded {
    public static let minimumSize = 7

    /// One object a line, for programs.
    public var json = false
    public var quiet = false
    public var verbose = false
    public var progress = true
    /// Sizes are numbers of bytes.
    public var exactSizes = false
    /// Results go to a terminal, where what was shown can be shown anew.
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

    /// `4.0 MiB`, or `4194304` where sizes are to be exact.
    public func size(_ bytes: Int64) -> String { exactSizes ? "\(bytes)" : shown(size: bytes) }

    /// The same within a sentence.
    public func amount(_ bytes: Int64) -> String { exactSizes ? "\(bytes) B" : shown(size: bytes) }
}
