// Wildcard patterns as in rsync: `*` is anything but a slash, `**` anything, `?` one byte but a slash, brackets one of
// their bytes or, after `!` or `^`, one of the others; a backslash quotes. Matching tracks all alternatives at once, so
// it takes at most pattern length times text length.

struct Glob: Hashable, Sendable {
    private enum Token: Hashable, Sendable {
        case byte(UInt8)
        case anyByte
        case set(ByteSet)
        case run(crossing: Bool)
        /// An unterminated bracket, which in rsync matches nothing.
        case nothing
    }

    private var tokens: [Token] = []

    init(_ pattern: [UInt8]) {
        var rest = pattern[...]
        while let byte = rest.popFirst() {
            switch byte {
            case UInt8(ascii: "\\"): tokens.append(rest.popFirst().map { .byte($0) } ?? .nothing)
            case UInt8(ascii: "?"): tokens.append(.anyByte)
            case UInt8(ascii: "*"):
                let stars = rest.prefix { $0 == byte }.count
                rest = rest.dropFirst(stars)
                tokens.append(.run(crossing: stars > 0))
            case UInt8(ascii: "["): tokens.append(ByteSet(&rest).map { .set($0) } ?? .nothing)
            default: tokens.append(.byte(byte))
            }
        }
    }

    /// Whether it matches the whole text; with `anywhere` also the text after any slash.
    func matches(_ text: some BidirectionalCollection<UInt8>, anywhere: Bool = false) -> Bool {
        // Fast path for most texts.
        if case .byte(let last) = tokens.last, text.last != last { return false }
        var now = closure(of: [0])
        for byte in text {
            var next = Set<Int>()
            for position in now where position < tokens.count {
                switch tokens[position] {
                case .byte(byte): next.insert(position + 1)
                case .anyByte where byte != slash: next.insert(position + 1)
                case .set(let set) where byte != slash && set.contains(byte): next.insert(position + 1)
                case .run(let crossing) where crossing || byte != slash: next.insert(position)
                default: break
                }
            }
            if anywhere, byte == slash { next.insert(0) }
            if next.isEmpty, !anywhere { return false }
            now = closure(of: next)
        }
        return now.contains(tokens.count)
    }

    /// Adds the positions reachable by empty runs.
    private func closure(of positions: Set<Int>) -> Set<Int> {
        var all = positions
        for start in positions {
            var position = start
            while position < tokens.count, case .run = tokens[position] {
                position += 1
                all.insert(position)
            }
        }
        return all
    }
}

private let slash = UInt8(ascii: "/")

/// The bytes in brackets.
private struct ByteSet: Hashable, Sendable {
    private var words: [UInt64] = [0, 0, 0, 0]
    private var isNegated = false

    /// Parses from after the `[` through the `]`; nil if there is none.
    init?(_ rest: inout ArraySlice<UInt8>) {
        if let first = rest.first, first == UInt8(ascii: "!") || first == UInt8(ascii: "^") {
            isNegated = true
            rest.removeFirst()
        }
        var before: UInt8?
        var isFirst = true
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "]"), !isFirst { return }
            isFirst = false
            switch byte {
            case UInt8(ascii: "\\"):
                guard let quoted = rest.popFirst() else { return nil }
                insert(quoted...quoted)
                before = quoted
            case UInt8(ascii: "-") where before != nil && rest.first.map { $0 != UInt8(ascii: "]") } ?? false:
                var last = rest.removeFirst()
                if last == UInt8(ascii: "\\") {
                    guard let quoted = rest.popFirst() else { return nil }
                    last = quoted
                }
                if let first = before, first <= last { insert(first...last) }
                before = nil
            case UInt8(ascii: "[") where rest.first == UInt8(ascii: ":"):
                guard let isKnown = insertClass(&rest) else { return nil }
                before = isKnown ? nil : byte
            default:
                insert(byte...byte)
                before = byte
            }
        }
        return nil
    }

    func contains(_ byte: UInt8) -> Bool { (words[Int(byte >> 6)] >> UInt64(byte & 63) & 1 == 1) != isNegated }

    private mutating func insert(_ bytes: ClosedRange<UInt8>) {
        for byte in bytes { words[Int(byte >> 6)] |= 1 << UInt64(byte & 63) }
    }

    /// Parses `[:digit:]` and the like, from the colon on. False if it is unterminated: the `[` is then a plain byte.
    private mutating func insertClass(_ rest: inout ArraySlice<UInt8>) -> Bool? {
        guard let end = rest.firstIndex(of: UInt8(ascii: "]")) else { return nil }
        let inside = rest[rest.index(after: rest.startIndex)..<end]
        guard inside.last == UInt8(ascii: ":") else {
            insert(UInt8(ascii: "[")...UInt8(ascii: "["))
            return false
        }
        guard let ranges = ByteSet.classes[String(decoding: inside.dropLast(), as: UTF8.self)] else { return nil }
        for range in ranges { insert(range) }
        rest = rest[(end + 1)...]
        return true
    }

    private static let digits = UInt8(ascii: "0")...UInt8(ascii: "9")
    private static let upper = UInt8(ascii: "A")...UInt8(ascii: "Z")
    private static let lower = UInt8(ascii: "a")...UInt8(ascii: "z")

    /// As in C's locale.
    private static let classes: [String: [ClosedRange<UInt8>]] = [
        "alnum": [digits, upper, lower], "alpha": [upper, lower], "blank": [9...9, 32...32],
        "cntrl": [0...31, 127...127], "digit": [digits], "graph": [33...126], "lower": [lower], "print": [32...126],
        "punct": [33...47, 58...64, 91...96, 123...126], "space": [9...13, 32...32], "upper": [upper],
        "xdigit": [digits, UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "a")...UInt8(ascii: "f")],
    ]
}
