// Decoder robustness: incomplete and invalid encodings are refused, nothing traps, and what decodes encodes to the same
// bytes.
import DaftModel
import Testing

/// Tries every prefix of the encoding, one extra byte, and single-byte mutations: all of them for short encodings, else
/// those of the beginning and a seeded sample of the rest.
func survivesMutations<T: Coded>(_ value: T, sourceLocation: SourceLocation = #_sourceLocation) {
    let bytes = value.encoded
    #expect(bytes.count >= T.minimumSize, "minimumSize is too large", sourceLocation: sourceLocation)
    #expect((try? T(decoding: bytes)) == value, "does not come back", sourceLocation: sourceLocation)

    let cut = bytes.indices.filter { (try? T(decoding: Array(bytes[..<$0]))) != nil }
    #expect(cut.isEmpty, "decodes when cut at \(cut)", sourceLocation: sourceLocation)
    #expect((try? T(decoding: bytes + [0])) == nil, "decodes with a byte too many", sourceLocation: sourceLocation)

    let others = secondForms(of: bytes, as: T.self)
    #expect(
        others.isEmpty, "has a second form: \(others.map { hexadecimal($0) })", sourceLocation: sourceLocation)
}

/// Up to three mutations that decode to a value with another encoding.
private func secondForms<T: Coded>(of bytes: [UInt8], as type: T.Type) -> [[UInt8]] {
    var (found, mutated): ([[UInt8]], [UInt8]) = ([], bytes)
    func look(_ index: Int, _ change: UInt8) {
        mutated[index] ^= change
        if let decoded = try? T(decoding: mutated), found.count < 3, decoded.encoded != mutated {
            found.append(mutated)
        }
        mutated[index] ^= change
    }
    let isLong = bytes.count > 400
    for index in bytes.indices.prefix(isLong ? 64 : 400) {
        for change in UInt8(1)...255 { look(index, change) }
    }
    if isLong {
        var dice = SeededNumbers(seed: 0x5EED)
        for _ in 0..<2000 { look(Int.random(in: bytes.indices, using: &dice), UInt8.random(in: 1...255, using: &dice)) }
    }
    return found
}

/// The same numbers in every run (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
    private var state: UInt64

    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var mixed = (state ^ (state >> 30)) &* 0xBF58_476D_1CE4_E5B9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
        return mixed ^ (mixed >> 31)
    }
}
