// Which keys of ids may be in a table: a Bloom filter. It never denies one that is there, and of those that are not it
// lets one in a hundred pass, for two bytes a key.

struct KeyFilter {
    /// So many keys are provided for at least.
    static let fewest = 300_000
    private static let bitsPerKey = 12

    private let capacity: Int
    private var count = 0
    private var bits: [UInt64]

    init(capacity: Int) {
        self.capacity = capacity
        bits = [UInt64](repeating: 0, count: capacity * KeyFilter.bitsPerKey / 64 + 1)
    }

    /// With more it would deny too little.
    var isFull: Bool { count >= capacity }

    mutating func insert(_ key: Int64) {
        for place in places(of: key) { bits[place >> 6] |= 1 << UInt64(place & 63) }
        count += 1
    }

    func mayContain(_ key: Int64) -> Bool {
        places(of: key).allSatisfy { bits[$0 >> 6] & (1 << UInt64($0 & 63)) != 0 }
    }

    /// Four: a key is random, and multiplied by a large odd number it is another such number.
    private func places(of key: Int64) -> some Sequence<Int> {
        let size = UInt64(bits.count * 64)
        return sequence(first: UInt64(bitPattern: key)) { $0 &* 0x9E37_79B9_7F4A_7C15 }.lazy.prefix(4)
            .map { Int($0.multipliedFullWidth(by: size).high) }
    }
}
