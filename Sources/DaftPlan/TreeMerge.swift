// Merges the trees of several nodes: what is equal comes from the first node; where nodes differ, neither version is
// taken, nor anything below it. Attributes decide most cases; files of equal size need their contents compared.

import DaftModel
import DaftWire

public struct TreeMerge: Sendable {
    public struct Clash: Hashable, Sendable {
        public let relative: [UInt8]
        public let first, second: Int

        public init(relative: [UInt8], first: Int, second: Int) {
            (self.relative, self.first, self.second) = (relative, first, second)
        }
    }

    private var seen: [[UInt8]: (node: Int, kind: OfferedEntry.Kind)] = [:]
    private var clashing: [[UInt8]: Clash] = [:]
    /// Files of equal size on several nodes, with the first content reported.
    private var undecided: [[UInt8]: (node: Int, content: ContentID)?] = [:]

    public init() {}

    public mutating func add(_ relative: [UInt8], _ kind: OfferedEntry.Kind, of node: Int) {
        guard let first = seen[relative] else {
            seen[relative] = (node, kind)
            return
        }
        if first.kind != kind { return clash(relative, first.node, node) }
        if case .file = kind { undecided[relative] = .some(nil) }
    }

    /// Whether file contents must be compared.
    public var wantsContents: Bool { !undecided.isEmpty }

    public func wantsContent(of relative: [UInt8]) -> Bool { undecided[relative] != nil }

    public mutating func add(_ relative: [UInt8], _ content: ContentID, of node: Int) {
        guard let known = undecided[relative] else { return }
        guard let first = known else {
            undecided[relative] = .some((node, content))
            return
        }
        if first.content != content { clash(relative, first.node, node) }
    }

    private mutating func clash(_ relative: [UInt8], _ first: Int, _ second: Int) {
        if clashing[relative] == nil { clashing[relative] = Clash(relative: relative, first: first, second: second) }
    }

    /// In path order, without those below another clash.
    public var clashes: [Clash] {
        clashing.values.filter { !isBelowClash($0.relative) }
            .sorted { $0.relative.lexicographicallyPrecedes($1.relative) }
    }

    /// Directories are wanted from all nodes, for their entries.
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
