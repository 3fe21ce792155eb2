// A rank's activity for `status`: its users' commands and its link traffic.

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

/// Payload bytes that have crossed a rank's link since it began; two samples give a rate.
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

    /// Bytes since an earlier sample; a restarted rank counts from zero.
    public func since(_ before: Traffic) -> Traffic {
        if received < before.received || sent < before.sent { return self }
        return Traffic(received: received - before.received, sent: sent - before.sent)
    }
}
