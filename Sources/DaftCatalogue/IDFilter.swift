// Which ids may be in a table: a Bloom filter. It never denies one that is there, and of those that are not it lets one
// in a hundred pass, for two bytes an id.

import DaftCore

struct IDFilter {
    /// So many ids are provided for at least.
    static let fewest = 300_000
    private static let bitsPerID = 12

    private let capacity: Int
    private var count = 0
    private var bits: [UInt64]

    init(capacity: Int) {
        self.capacity = capacity
        bits = [UInt64](repeating: 0, count: capacity * IDFilter.bitsPerID / 64 + 1)
    }

    /// With more it would deny too little.
    var isFull: Bool { count >= capacity }

    mutating func insert(_ id: Digest) {
        for place in places(of: id) { bits[place >> 6] |= 1 << UInt64(place & 63) }
        count += 1
    }

    func mayContain(_ id: Digest) -> Bool {
        places(of: id).allSatisfy { bits[$0 >> 6] & (1 << UInt64($0 & 63)) != 0 }
    }

    /// An id is random: its own words say where.
    private func places(of id: Digest) -> [Int] {
        let (a, b, c, d) = id.words
        let size = UInt64(bits.count * 64)
        return [Int(a % size), Int(b % size), Int(c % size), Int(d % size)]
    }
}
