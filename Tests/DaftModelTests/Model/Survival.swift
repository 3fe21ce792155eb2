// Every decoder survives any input: what is not a whole, valid encoding is refused, nothing traps, and what decodes
// encodes to the same bytes again.
import DaftModel
import Testing

/// Tries every beginning of the value's encoding, one byte too many, and changed single bytes: all of them where the
/// encoding is short, else all of its beginning and a seeded sample of the rest.
func survivesMutations<T: Coded>(_ value: T, sourceLocation: SourceLocation = #_sourceLocation) {
    let bytes = value.encoded
    #expect(bytes.count >= T.minimumSize, "minimumSize is too large", sourceLocation: sourceLocation)
    #expect((try? T(decoding: bytes)) == value, "does not come back", sourceLocation: sourceLocation)

    let cut = bytes.indices.filter { (try? T(decoding: Array(bytes[..<$0]))) != nil }
    #expect(cut.isEmpty, "decodes when cut at \(cut)", sourceLocation: sourceLocation)
    #expect((try? T(decoding: bytes + [0])) == nil, "decodes with a byte too many", sourceLocation: sourceLocation)

    var others = mutations(of: bytes).filter { mutated in
        guard let decoded = try? T(decoding: mutated) else { return false }
        return decoded.encoded != mutated
    }
    others = Array(others.prefix(3))
    #expect(
        others.isEmpty, "has a second form: \(others.map { hexadecimal($0) })", sourceLocation: sourceLocation)
}

private func mutations(of bytes: [UInt8]) -> some Sequence<[UInt8]> {
    let isLong = bytes.count > 400
    var places = bytes.indices.prefix(isLong ? 64 : 400).flatMap { index in (1...255).map { (index, UInt8($0)) } }
    if isLong {
        var dice = SeededNumbers(seed: 0x5EED)
        for _ in 0..<2000 {
            places.append((Int.random(in: bytes.indices, using: &dice), UInt8.random(in: 1...255, using: &dice)))
        }
    }
    return places.lazy.map { index, change in
        var mutated = bytes
        mutated[index] ^= change
        return mutated
    }
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
