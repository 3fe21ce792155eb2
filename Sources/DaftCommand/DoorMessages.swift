// The protocol between client and door: a client sends one command, then signals, heartbeats and output credit; the
// door sends output, heartbeats, and the exit status.

import DaftModel

/// A command as words split by a shell, or as a line still to be parsed.
public enum CommandText: Coded {
    public static let minimumSize = 5

    case arguments([[UInt8]])
    case line([UInt8])

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 1:
            let count = try reader.count()
            guard count <= reader.remaining / 4 else { throw reader.malformed("\(count) words") }
            var words: [[UInt8]] = []
            for _ in 0..<count { words.append(try reader.run()) }
            self = .arguments(words)
        case 2: self = .line(try reader.run())
        default: throw Malformed("kind of wording", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .arguments(let words):
            writer.u8(1)
            writer.count(words.count)
            for word in words { writer.run(word) }
        case .line(let line):
            writer.u8(2)
            writer.run(line)
        }
    }
}

extension Command {
    public init(_ commandText: CommandText, in base: Name = .root) throws(CommandError) {
        switch commandText {
        case .arguments(let words): self = try Command(arguments: words, in: base)
        case .line(let line): self = try Command(line: line, in: base)
        }
    }
}

/// A client's command with its output style.
public struct DoorCommand: Coded {
    public static let minimumSize = CommandText.minimumSize + 4 + 4 + OutputStyle.minimumSize + 4 + Name.minimumSize

    public var commandText: CommandText
    /// Source of the command for messages, `jobs.txt:3`; empty if obvious.
    public var place = ""
    /// Base of relative paths.
    public var directory: [UInt8]
    public var style = OutputStyle()
    /// Width of the terminal for messages; 0: none.
    public var columns: UInt16 = 0
    /// The user's umask.
    public var umask: UInt16
    /// Base of relative names.
    public var base = Name.root

    public init(_ commandText: CommandText, in directory: [UInt8], umask: UInt16 = 0o022) {
        self.commandText = commandText
        self.directory = directory
        self.umask = umask
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        commandText = try CommandText(from: &reader)
        place = try reader.text()
        let start = reader.offset
        directory = try reader.run()
        guard directory.first == Name.slash else { throw Malformed("an absolute path", at: start) }
        style = try OutputStyle(from: &reader)
        columns = try reader.u16()
        umask = try reader.u16()
        guard umask <= 0o777 else { throw reader.malformed("umask") }
        base = try Name(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        commandText.encode(into: &writer)
        writer.text(place)
        writer.run(directory)
        style.encode(into: &writer)
        writer.u16(columns)
        writer.u16(umask)
        base.encode(into: &writer)
    }
}

/// A message from a client.
public enum ClientMessage: Coded {
    public static let minimumSize = 2
    public static let version: UInt8 = 1

    /// Initial output credit, before the first `credit`.
    public static let initialCreditBytes = 1 << 20
    /// Credit consumed by each message besides its bytes, so that small messages are bounded too.
    public static let pieceOverheadBytes = 64

    case begin(DoorCommand)
    /// Grants credit for further bytes of output.
    case credit(bytes: UInt32)
    /// The user requests an end with this signal.
    case signal(UInt8)
    case alive
    /// Standard output is closed.
    case outputClosed

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == ClientMessage.version else {
            throw Malformed("version of a client's message", at: reader.offset - 1)
        }
        switch try reader.u8() {
        case 7: self = .begin(try DoorCommand(from: &reader))
        case 2: self = .credit(bytes: try reader.u32())
        case 3: self = .signal(try reader.u8())
        case 4: self = .alive
        case 5: self = .outputClosed
        default: throw Malformed("kind of a client's message", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(ClientMessage.version)
        switch self {
        case .begin(let command):
            writer.u8(7)
            command.encode(into: &writer)
        case .credit(let bytes):
            writer.u8(2)
            writer.u32(bytes)
        case .signal(let number):
            writer.u8(3)
            writer.u8(number)
        case .alive: writer.u8(4)
        case .outputClosed: writer.u8(5)
        }
    }
}

/// A message from a door.
public enum DoorMessage: Coded {
    public static let minimumSize = 2
    public static let version: UInt8 = 1

    /// For standard output.
    case output([UInt8])
    /// For standard error.
    case errors([UInt8])
    /// The last message: the exit status.
    case end(status: UInt8)
    case alive
    /// The last message if there was no command or it was refused.
    case refused(Failure)

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == DoorMessage.version else {
            throw Malformed("version of a door's message", at: reader.offset - 1)
        }
        switch try reader.u8() {
        case 1: self = .output(try reader.run())
        case 2: self = .errors(try reader.run())
        case 3: self = .end(status: try reader.u8())
        case 4: self = .alive
        case 5: self = .refused(try Failure(from: &reader))
        default: throw Malformed("kind of a door's message", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(DoorMessage.version)
        switch self {
        case .output(let bytes):
            writer.u8(1)
            writer.run(bytes)
        case .errors(let bytes):
            writer.u8(2)
            writer.run(bytes)
        case .end(let status):
            writer.u8(3)
            writer.u8(status)
        case .alive: writer.u8(4)
        case .refused(let failure):
            writer.u8(5)
            failure.encode(into: &writer)
        }
    }
}

extension CommandText {
    /// One line, truncated to this many bytes.
    public func line(longestBytes: Int) -> [UInt8] {
        let whole =
            switch self {
            case .line(let line): line
            case .arguments(let words): Array(words.joined(separator: [UInt8(ascii: " ")]))
            }
        return whole.count > longestBytes ? whole.prefix(longestBytes) + Array("…".utf8) : whole
    }
}
