// A set of small integers: chunks of a content, or stores.

public struct BitSet: Coded {
    public static let minimumSize = 4
    /// Without trailing zero words, so that equal sets have equal representations.
    private var words: [UInt64] = []

    public init() {}

    public init(below count: Int) {
        words = [UInt64](repeating: .max, count: count / 64)
        if count % 64 != 0 { words.append((1 << UInt64(count % 64)) - 1) }
    }

    public init(_ members: some Sequence<Int>) {
        for member in members { insert(member) }
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        let count = try reader.count()
        guard count <= reader.remaining / 8 else { throw reader.malformed("set of \(count) words") }
        words.reserveCapacity(count)
        for _ in 0..<count { words.append(try reader.u64()) }
        guard words.last != 0 else { throw reader.malformed("set without trailing zeros") }
    }

    public func encode(into writer: inout ByteWriter) {
        writer.count(words.count)
        for word in words { writer.u64(word) }
    }

    public var isEmpty: Bool { words.isEmpty }
    public var count: Int { words.reduce(0) { $0 + $1.nonzeroBitCount } }

    /// The largest member plus one.
    public var bound: Int {
        guard let last = words.last else { return 0 }
        return words.count * 64 - last.leadingZeroBitCount
    }

    public func contains(_ member: Int) -> Bool {
        member / 64 < words.count && words[member / 64] & (1 << UInt64(member % 64)) != 0
    }

    public func containsAll(below count: Int) -> Bool { firstMissing(below: count) == nil }

    public func firstMissing(below count: Int) -> Int? {
        let open = words.firstIndex { $0 != .max } ?? words.count
        let member = open * 64 + (open < words.count ? (~words[open]).trailingZeroBitCount : 0)
        return member < count ? member : nil
    }

    public mutating func insert(_ member: Int) {
        while words.count <= member / 64 { words.append(0) }
        words[member / 64] |= 1 << UInt64(member % 64)
    }

    public mutating func remove(_ member: Int) {
        guard member / 64 < words.count else { return }
        words[member / 64] &= ~(1 << UInt64(member % 64))
        trim()
    }

    public mutating func formUnion(_ other: BitSet) {
        for (i, word) in other.words.enumerated() {
            if i < words.count { words[i] |= word } else { words.append(word) }
        }
    }

    public mutating func subtract(_ other: BitSet) {
        for (i, word) in other.words.enumerated() where i < words.count { words[i] &= ~word }
        trim()
    }

    public func intersection(_ other: BitSet) -> BitSet {
        var common = BitSet()
        common.words = zip(words, other.words).map { $0 & $1 }
        common.trim()
        return common
    }

    /// The first member from `start` on, with wrap-around.
    public func first(from start: Int) -> Int? {
        first(in: Swift.min(start, bound)..<bound) ?? first(in: 0..<Swift.min(start, bound))
    }

    private func first(in range: Range<Int>) -> Int? {
        guard !range.isEmpty else { return nil }
        var index = range.lowerBound / 64
        var word = words[index] & (UInt64.max << UInt64(range.lowerBound % 64))
        while word == 0 {
            index += 1
            guard index < words.count else { return nil }
            word = words[index]
        }
        let member = index * 64 + word.trailingZeroBitCount
        return member < range.upperBound ? member : nil
    }

    private mutating func trim() {
        while words.last == 0 { words.removeLast() }
    }
}

extension BitSet: Sequence {
    public func makeIterator() -> AnyIterator<Int> {
        var index = 0
        var word = words.first ?? 0
        return AnyIterator { [words] in
            while word == 0 {
                index += 1
                guard index < words.count else { return nil }
                word = words[index]
            }
            let bit = word.trailingZeroBitCount
            word &= word - 1
            return index * 64 + bit
        }
    }
}

/// How much of a content a store keeps.
public enum Extent: Coded {
    case complete
    case part(BitSet)

    public static let minimumSize = 1
    public static let nothing = Extent.part(BitSet())

    public init(_ chunks: BitSet, of count: Int) {
        self = chunks.containsAll(below: count) ? .complete : .part(chunks)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        switch try reader.u8() {
        case 0: self = .complete
        case 1: self = .part(try BitSet(from: &reader))
        default: throw Malformed("extent", at: reader.offset - 1)
        }
    }

    public func encode(into writer: inout ByteWriter) {
        switch self {
        case .complete: writer.u8(0)
        case .part(let chunks):
            writer.u8(1)
            chunks.encode(into: &writer)
        }
    }

    public func contains(_ chunk: Int) -> Bool {
        switch self {
        case .complete: true
        case .part(let chunks): chunks.contains(chunk)
        }
    }

    public func chunks(of count: Int) -> BitSet {
        switch self {
        case .complete: BitSet(below: count)
        case .part(let chunks): chunks
        }
    }
}
