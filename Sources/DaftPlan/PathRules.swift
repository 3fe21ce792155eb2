// The --exclude and --include rules, as in rsync: the first matching pattern decides, and unmatched paths are staged.
// Excluded directories are not entered.
//
//   - A pattern with a slash before its end, or with `**`, matches paths; any other matches last components.
//   - A leading slash anchors it at the source's root; otherwise it may start after any slash.
//   - A trailing slash restricts it to directories.

public struct PathRules: Hashable, Sendable {
    public struct Rule: Hashable, Sendable {
        public let pattern: [UInt8]
        public let includes: Bool

        public init(_ pattern: [UInt8], includes: Bool) {
            self.pattern = pattern
            self.includes = includes
        }
    }

    private var matchers: [(matcher: PathMatcher, includes: Bool)]
    public let rules: [Rule]

    public init(_ rules: [Rule] = []) {
        self.rules = rules
        matchers = rules.map { (PathMatcher($0.pattern), $0.includes) }
    }

    public var isEmpty: Bool { rules.isEmpty }

    /// `path` is relative to the root, without a leading slash.
    public func takes(_ path: [UInt8], isDirectory: Bool) -> Bool {
        matchers.first { $0.matcher.matches(path, isDirectory: isDirectory) }?.includes ?? true
    }

    public static func == (x: PathRules, y: PathRules) -> Bool { x.rules == y.rules }
    public func hash(into hasher: inout Hasher) { hasher.combine(rules) }
}

/// One pattern.
private struct PathMatcher: Sendable {
    private enum Part {
        case lastPart
        /// The last components of the path, this many.
        case lastParts(Int)
        /// The whole path, or with `anywhere` the part after any slash.
        case path(anywhere: Bool)
    }

    private let part: Part
    private let isForDirectories: Bool
    /// `**/x` also matches `x`.
    private let beginsWithSlash: Bool
    /// `x/***` matches the directory x and everything below it.
    private let endsWithStars: Bool
    private let glob: Glob

    init(_ pattern: [UInt8]) {
        var pattern = pattern
        isForDirectories = pattern.count > 1 && pattern.last == slash
        if isForDirectories { pattern.removeLast() }
        let slashes = pattern.count { $0 == slash }
        let isWild = pattern.contains { "*?[".utf8.contains($0) }
        let double = zip(pattern, pattern.dropFirst()).contains { $0 == star && $1 == star }
        endsWithStars = double && pattern.suffix(3) == [star, star, star]
        let isAnchored = pattern.first == slash
        beginsWithSlash = double && pattern.prefix(2) == [star, star]
        part =
            if slashes == 0, !double {
                .lastPart
            } else if isAnchored || beginsWithSlash {
                .path(anywhere: false)
            } else if double {
                .path(anywhere: true)
            } else {
                .lastParts(slashes + 1)
            }
        if isAnchored { pattern.removeFirst() }
        // Without wildcards a backslash is a plain byte.
        glob = Glob(isWild ? pattern : pattern.flatMap { $0 == backslash ? [$0, $0] : [$0] })
    }

    func matches(_ path: [UInt8], isDirectory: Bool) -> Bool {
        if isForDirectories, !isDirectory { return false }
        let end: [UInt8] = isDirectory && endsWithStars ? [slash] : []
        switch part {
        case .lastPart: return glob.matches(path[(path.lastIndex(of: slash).map { $0 + 1 } ?? 0)...])
        case .lastParts(let count):
            let parts = path.split(separator: slash, omittingEmptySubsequences: false)
            return parts.count >= count && glob.matches(Array(parts.suffix(count).joined(separator: [slash])))
        case .path(let anywhere):
            return glob.matches((beginsWithSlash ? [slash] : []) + path + end, anywhere: anywhere)
        }
    }
}

private let slash = UInt8(ascii: "/")
private let star = UInt8(ascii: "*")
private let backslash = UInt8(ascii: "\\")
