// The records between two states, as sent to a catalogue replica.

/// An encoded journal record and the state it leads to.
public struct JournalRecord: Coded {
    public static let minimumSize = 12
    public let state: State
    public let bytes: [UInt8]

    public init(state: State, bytes: [UInt8]) {
        self.state = state
        self.bytes = bytes
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        state = try reader.u64()
        bytes = try reader.run()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u64(state)
        writer.run(bytes)
    }
}

/// Consecutive records after a head that the receiver named; possibly not all.
public struct Delta: Coded {
    public static let minimumSize = 1 + 4 + Head.minimumSize
    static let version: UInt8 = 1

    public let records: [JournalRecord]
    /// The head of the sender's journal.
    public let head: Head

    public init(records: [JournalRecord], head: Head) {
        self.records = records
        self.head = head
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        guard try reader.u8() == Delta.version else { throw Malformed("delta version", at: reader.offset - 1) }
        records = try reader.list()
        head = try Head(from: &reader)
    }

    public func encode(into writer: inout ByteWriter) {
        writer.u8(Delta.version)
        writer.list(records)
        head.encode(into: &writer)
    }

    /// Whether the receiver reaches the sender's state by these.
    public var isLast: Bool { records.last.map { $0.state == head.state } ?? true }
}
