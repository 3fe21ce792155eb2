// Fast pseudo-random bytes, the same in every run.

import Glibc

struct Random {
    private var state: UInt64

    init(_ seed: UInt64) { state = seed }

    mutating func word() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var z = state
        z = (z ^ (z >> 30)) &* 0xbf58_476d_1ce4_e5b9
        z = (z ^ (z >> 27)) &* 0x94d0_49bb_1331_11eb
        return z ^ (z >> 31)
    }

    mutating func fill(_ memory: inout [UInt64]) {
        for i in memory.indices { memory[i] = word() }
    }
}

/// Writes `bytes` random bytes to a file at `offset`.
func writeRandom(_ path: String, _ bytes: Int, at offset: Int = 0, seed: UInt64) throws {
    let file = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0o644)
    guard file >= 0 else { throw PeerFailure(description: "\(path) cannot be made") }
    defer { close(file) }
    var random = Random(seed)
    var block = [UInt64](repeating: 0, count: min(bytes, 1 << 20) / 8)
    var done = 0
    while done < bytes {
        random.fill(&block)
        let count = pwrite(file, block, min(bytes - done, block.count * 8), off_t(offset + done))
        guard count > 0 else { throw PeerFailure(description: "\(path) cannot be written") }
        done += count
    }
}
