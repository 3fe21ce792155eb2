// Trees of several nodes that are to become one: what is the same on several is taken from the first, and where two
// differ neither is taken, nor what is below it.

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
