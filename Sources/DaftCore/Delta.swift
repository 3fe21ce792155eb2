// placeholder replaced on merge
public struct JournalRecord: Coded {
    public static let minimumSize = 12
    public let state: State
    public let bytes: [UInt8]
    public init(state: State, bytes: [UInt8]) { self.state = state; self.bytes = bytes }
    public init(from reader: inout ByteReader) throws(Malformed) { state = try reader.u64(); bytes = try reader.run() }
    public func encode(into writer: inout ByteWriter) { writer.u64(state); writer.run(bytes) }
}
public struct Delta: Coded {
    public static let minimumSize = 20
    public let records: [JournalRecord]
    public let head: Head
    public init(records: [JournalRecord], head: Head) { self.records = records; self.head = head }
    public init(from reader: inout ByteReader) throws(Malformed) { records = try reader.list(); head = try Head(from: &reader) }
    public func encode(into writer: inout ByteWriter) { writer.list(records); head.encode(into: &writer) }
    public var isLast: Bool { records.last.map { $0.state == head.state } ?? true }
}
