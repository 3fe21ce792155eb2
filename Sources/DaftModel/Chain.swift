// The way bytes go from data server to data server in a broadcast: each takes from the one before it what that one is
// itself just getting, so every link carries everything once in and once out, all at the same time. The chain is closed
// to a ring: where several have parts at the start, each part travels from its holder once round to the one before it.

public struct Chain: Coded {
    public static let minimumSize = 8

    public let ranks: [Rank]
    /// The positions of those who read the source themselves, each its share; none, where stores keep it already.
    public let readers: [Int]

    public init(_ ranks: [Rank], readers: [Int] = []) {
        self.ranks = ranks
        self.readers = readers
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        ranks = try reader.list()
        let count = try reader.count()
        guard count <= ranks.count else { throw Malformed("readers of a chain", at: reader.offset - 4) }
        var readers: [Int] = []
        for _ in 0..<count {
            let position = try reader.count()
            guard position < ranks.count else { throw Malformed("position in a chain", at: reader.offset - 4) }
            readers.append(position)
        }
        self.readers = readers
    }

    public func encode(into writer: inout ByteWriter) {
        writer.list(ranks)
        writer.count(readers.count)
        for position in readers { writer.count(position) }
    }

    /// All others, the one before `rank` first.
    public func upstream(of rank: Rank) -> [Rank] {
        guard let position = ranks.firstIndex(of: rank) else { return ranks.reversed() }
        return ranks[..<position].reversed() + ranks[(position + 1)...].reversed()
    }

    /// How far upstream of `rank` another one is; 0 for itself.
    public func distance(from rank: Rank, upTo other: Rank) -> Int? {
        guard let here = ranks.firstIndex(of: rank), let there = ranks.firstIndex(of: other) else { return nil }
        return (here - there + ranks.count) % ranks.count
    }

    /// Who reads item `index` of `count`: neighbouring items have the same reader.
    public func reader(of index: Int, among count: Int) -> Rank? {
        readers.isEmpty ? nil : ranks[readers[index * readers.count / max(1, count)]]
    }
}
