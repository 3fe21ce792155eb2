// A running command, for `status`.

import DaftModel

public struct RunningCommand: Coded {
    public static let minimumSize = 16 + Progress.minimumSize
    /// The node where it was started.
    public let host: String
    /// Its text, possibly truncated.
    public let commandText: [UInt8]
    /// How long it has been running; a duration, because clocks differ.
    public let milliseconds: UInt64
    public let progress: Progress

    public init(host: String, commandText: [UInt8], milliseconds: UInt64, progress: Progress) {
        self.host = host
        self.commandText = commandText
        self.milliseconds = milliseconds
        self.progress = progress
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        host = try reader.text()
        commandText = try reader.run()
        milliseconds = try reader.u64()
        progress = try Progress(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(host)
        writer.run(commandText)
        writer.u64(milliseconds)
        progress.encode(into: &writer)
    }
}
