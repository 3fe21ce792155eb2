// What a rank is doing at this moment, as `status` shows it: its users' commands, and what crosses its link.

import DaftModel

public struct Activity: Coded {
    public static let minimumSize = 4 + Traffic.minimumSize
    public let commands: [RunningCommand]
    public let traffic: Traffic

    public init(commands: [RunningCommand], traffic: Traffic) {
        self.commands = commands
        self.traffic = traffic
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        commands = try reader.list()
        traffic = try Traffic(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(commands)
        traffic.encode(into: &writer)
    }
}

/// Bytes of files that crossed a rank's link since it began; between two looks that is a rate.
public struct Traffic: Coded {
    public static let minimumSize = 16
    public var received, sent: Int64

    public init(received: Int64 = 0, sent: Int64 = 0) {
        self.received = received
        self.sent = sent
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        received = try reader.amount()
        sent = try reader.amount()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.i64(received)
        writer.i64(sent)
    }

    /// What has crossed since; a rank that began anew meanwhile counts from nothing.
    public func since(_ before: Traffic) -> Traffic {
        if received < before.received || sent < before.sent { return self }
        return Traffic(received: received - before.received, sent: sent - before.sent)
    }
}
