// The way back: what a data server is told to publish of its own node, and what came of it.

/// Publish what stands under these paths of your node, each under its name.
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
    public static let minimumSize = 24
    public var moved: Int64 = 0
    /// The names of the items that are not on that node.
    public var absent: [Name] = []
    /// What could not be published now, whatever stands there from earlier.
    public var withheld: [Name] = []
    public var failures: [Failure] = []
    public var warnings: [Failure] = []

    public init() {}

    public init(from reader: inout ByteReader) throws(Malformed) {
        moved = try reader.amount()
        absent = try reader.list()
        withheld = try reader.list()
        failures = try reader.list()
        warnings = try reader.list()
    }

    public func encode(into writer: inout ByteWriter) {
        writer.i64(moved)
        writer.list(absent)
        writer.list(withheld)
        writer.list(failures)
        writer.list(warnings)
    }
}

/// Trees of several nodes that are to become one: what is the same on several is taken from the first, and where two
/// differ neither is taken, nor what is below it.
public struct Merge: Sendable {
    public struct Clash: Hashable, Sendable {
        public let relative: [UInt8]
        public let first, second: Int

        public init(relative: [UInt8], first: Int, second: Int) {
            (self.relative, self.first, self.second) = (relative, first, second)
        }
    }

    private var seen: [[UInt8]: (node: Int, kind: Entry.Kind)] = [:]
    private var clashing: [[UInt8]: Clash] = [:]

    public init() {}

    public mutating func add(_ relative: [UInt8], _ kind: Entry.Kind, of node: Int) {
        guard let first = seen[relative] else {
            seen[relative] = (node, kind)
            return
        }
        if first.kind == kind || clashing[relative] != nil { return }
        clashing[relative] = Clash(relative: relative, first: first.node, second: node)
    }

    /// In the order of their paths; what is below another is told by that.
    public var clashes: [Clash] {
        clashing.values.filter { !isBelowClash($0.relative) }
            .sorted { $0.relative.lexicographicallyPrecedes($1.relative) }
    }

    /// Directories are wanted of all, for what is in them.
    public func wants(_ relative: [UInt8], of node: Int) -> Bool {
        guard let first = seen[relative], clashing[relative] == nil, !isBelowClash(relative) else { return false }
        return first.node == node || first.kind == .directory
    }

    private func isBelowClash(_ relative: [UInt8]) -> Bool {
        if clashing.isEmpty || relative.isEmpty { return false }
        if clashing[[]] != nil { return true }
        return relative.indices.contains { relative[$0] == Name.slash && clashing[Array(relative[..<$0])] != nil }
    }
}
