// A seeded random number generator with the same sequence on every machine.

public struct Sequence64: RandomNumberGenerator {
    private var state: UInt64

    public init(_ seed: UInt64) { state = seed }

    public mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        // Masking shifts, since in a debug build the others are generic calls.
        z = (z ^ (z &>> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z &>> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z &>> 31)
    }

    /// Random bytes, in a loop that is fast in a debug build.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        [UInt8](unsafeUninitializedCapacity: count) { memory, filled in
            guard let start = memory.baseAddress else { return }
            while filled < count {
                start[filled] = UInt8(truncatingIfNeeded: next() &>> 11)
                filled += 1
            }
        }
    }
}
