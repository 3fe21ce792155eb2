// A Bloom filter of the id keys in a table: no false negatives, about one percent false positives at two bytes a key.

struct KeyFilter {
    /// Minimum capacity, in keys.
    static let fewest = 300_000
    private static let bitsPerKey = 12

    private let capacity: Int
    private var count = 0
    private var bits: [UInt64]

    init(capacity: Int) {
        self.capacity = capacity
        bits = [UInt64](repeating: 0, count: capacity * KeyFilter.bitsPerKey / 64 + 1)
    }

    /// Beyond this the false positive rate is too high.
    var isFull: Bool { count >= capacity }

    mutating func insert(_ key: Int64) {
        for bit in bitIndices(of: key) { bits[bit >> 6] |= 1 << UInt64(bit & 63) }
        count += 1
    }

    func mayContain(_ key: Int64) -> Bool {
        bitIndices(of: key).allSatisfy { bits[$0 >> 6] & (1 << UInt64($0 & 63)) != 0 }
    }

    /// Four hash positions: a key is random already, and multiplying it by a large odd number gives further ones.
    private func bitIndices(of key: Int64) -> some Sequence<Int> {
        let size = UInt64(bits.count * 64)
        return sequence(first: UInt64(bitPattern: key)) { $0 &* 0x9E37_79B9_7F4A_7C15 }.lazy.prefix(4)
            .map { Int($0.multipliedFullWidth(by: size).high) }
    }
}
