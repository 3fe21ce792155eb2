// The order to publish files of a data server's own node, and its outcome.

import DaftModel

/// Publish the files below these paths of your node, each under its name.
public struct Collect: Coded {
    public static let minimumSize = 4
    public struct Item: Coded {
        public static let minimumSize = 4 + Name.minimumSize
        /// Absolute, or relative to the store.
        public let path: [UInt8]
        public let name: Name

        public init(path: [UInt8], name: Name) {
            self.path = path
            self.name = name
        }

        public init(from reader: inout ByteReader) throws(Malformed) {
            path = try reader.run()
            guard !path.isEmpty, !path.contains(0) else { throw reader.malformed("path") }
            name = try Name(from: &reader)
        }

        public func encode(into writer: inout ByteWriter) {
            writer.run(path)
            name.encode(into: &writer)
        }
    }

    public let items: [Item]

    public init(_ items: [Item]) { self.items = items }

    public init(from reader: inout ByteReader) throws(Malformed) { items = try reader.list() }

    public func encode(into writer: inout ByteWriter) { writer.list(items) }
}

public struct Collected: Coded {
    public static let minimumSize = 16
    public var moved: Int64 = 0
    public var failures: [Failure] = []
    public var warnings: [Failure] = []

    public init() {}

    public init(from reader: inout ByteReader) throws(Malformed) {
        moved = try reader.amount()
        failures = try reader.list()
        warnings = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.i64(moved)
        writer.list(failures)
        writer.list(warnings)
    }
}
