// Iterates over the missing chunks of a content in a given order.

import DaftModel

struct MissingChunks {
    private let missing: BitSet
    private let order: [Int]
    private var position = 0
    /// Bytes of the chunks already present.
    let presentBytes: Int64

    init(_ wanted: Wanted, have: BitSet, order: [Int]) {
        let manifest = wanted.manifest
        var missing = BitSet(below: manifest.chunks.count)
        missing.subtract(have)
        if let chunks = wanted.chunks { missing = missing.intersection(chunks) }
        self.missing = missing
        self.order = order
        presentBytes = have.filter { $0 < manifest.chunks.count }.reduce(0) { $0 + Int64(manifest.length(of: $1)) }
    }

    /// The next chunks, at most `count`; nil at the end.
    mutating func next(_ count: Int) -> [Int]? {
        var some: [Int] = []
        while some.count < count, position < order.count {
            if missing.contains(order[position]) { some.append(order[position]) }
            position += 1
        }
        return some.isEmpty ? nil : some
    }
}
