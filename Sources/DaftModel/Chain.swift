// The chain of data servers in a broadcast: each takes the bytes from its predecessor while that is receiving them, so
// every link carries everything once in each direction, concurrently. The chain is closed to a ring: a part that is
// present at the start travels once round from its holder.

public struct Chain: Coded {
    public static let minimumSize = 8

    public let ranks: [Rank]
    /// Positions of the ranks that read the source, a share each; empty if stores have the contents already.
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

    /// All other ranks, the predecessor of `rank` first.
    public func upstream(of rank: Rank) -> [Rank] {
        guard let position = ranks.firstIndex(of: rank) else { return ranks.reversed() }
        return ranks[..<position].reversed() + ranks[(position + 1)...].reversed()
    }

    /// How many steps upstream of `rank` another rank is; 0 for itself.
    public func distance(from rank: Rank, upTo other: Rank) -> Int? {
        guard let here = ranks.firstIndex(of: rank), let there = ranks.firstIndex(of: other) else { return nil }
        return (here - there + ranks.count) % ranks.count
    }

    /// The reader of item `index` of `count`; adjacent items share a reader.
    public func reader(of index: Int, among count: Int) -> Rank? {
        readers.isEmpty ? nil : ranks[readers[index * readers.count / max(1, count)]]
    }
}
