// Selects what is staged below a source: everything, or what rules and a list of paths select.

import DaftModel

public struct SourceSelection: Hashable, Sendable {
    public var rules = PathRules()
    /// Nil: no list.
    public var list: PathList?

    public init() {}

    public var isAll: Bool { rules.isEmpty && list == nil }

    /// A directory that is not selected is not entered. The root always is.
    public func takes(_ path: [UInt8], isDirectory: Bool) -> Bool {
        if path.isEmpty { return true }
        if let list, !list.takes(path, isDirectory: isDirectory) { return false }
        return rules.takes(path, isDirectory: isDirectory)
    }

    /// Listed paths that were neither found nor excluded.
    public func missing(after found: Set<[UInt8]>) -> [[UInt8]] {
        guard let list else { return [] }
        return list.named.subtracting(found).filter { path in
            let cuts = path.indices.filter { path[$0] == UInt8(ascii: "/") }
            return rules.takes(path, isDirectory: false)
                && cuts.allSatisfy { rules.takes(Array(path[..<$0]), isDirectory: true) }
        }.sorted { $0.lexicographicallyPrecedes($1) }
    }
}

/// The paths of --files-from, relative to the source. As in rsync, a listed directory is staged without its entries,
/// and parents of listed paths are created.
public struct PathList: Hashable, Sendable {
    public let named: Set<[UInt8]>
    private let above: Set<[UInt8]>

    /// One path per line, ignoring blank lines and comments (`#`, `;`); with `byZeros`, zero-terminated paths.
    public init(_ text: some Collection<UInt8>, byZeros: Bool) throws(Failure) {
        var (named, above) = (Set<[UInt8]>(), Set<[UInt8]>())
        for line in text.split(separator: byZeros ? 0 : UInt8(ascii: "\n")) {
            if !byZeros, let first = line.first, [UInt8(ascii: "#"), UInt8(ascii: ";")].contains(first) { continue }
            let parts = line.split(separator: UInt8(ascii: "/")).filter { !$0.elementsEqual(".".utf8) }
            if parts.contains(where: { $0.elementsEqual("..".utf8) }) {
                throw Failure(.usage, [], "--files-from: `\(shown(line))` leads out of the source")
            }
            if parts.isEmpty { continue }
            for count in 1..<parts.count { above.insert(Array(parts[..<count].joined(separator: "/".utf8))) }
            named.insert(Array(parts.joined(separator: "/".utf8)))
        }
        self.named = named
        self.above = above
    }

    func takes(_ path: [UInt8], isDirectory: Bool) -> Bool {
        named.contains(path) || isDirectory && above.contains(path)
    }
}
