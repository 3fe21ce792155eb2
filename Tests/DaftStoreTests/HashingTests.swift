// Hashing many chunks at once gives the same ids as one by one.

import DaftModel
import DaftStore
import Testing

@Suite struct HashingTests {
    @Test func theIdsAreThoseOfTheStandard() {
        #expect(digest(of: Array("abc".utf8)).hex == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
        #expect(digest(of: []).hex == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
    }

    @Test(arguments: [
        [], [0], [64, 64], [64, 64, 64], [4096, 4096, 1, 1, 65, 65], [128, 64, 64, 0, 0], [1 << 20, 1 << 20, 99],
        [63, 64, 65, 127, 128, 129, 192, 192, 192, 192],
    ])
    func idsTakenTogetherAreThoseTakenOneByOne(lengths: [Int]) {
        var generator = SystemRandomNumberGenerator()
        let chunks = lengths.map { length in (0..<length).map { _ in UInt8.random(in: 0...255, using: &generator) } }
        let memory = chunks.map { chunk in
            let copy = UnsafeMutableRawBufferPointer.allocate(byteCount: chunk.count + 1, alignment: 1)
            copy.copyBytes(from: [0] + chunk)
            return copy
        }
        defer { for copy in memory { copy.deallocate() } }
        // Unaligned by one byte.
        let together = digests(of: memory.map { UnsafeRawBufferPointer(rebasing: $0[1...]) })
        #expect(together == chunks.map { digest(of: $0) })
    }
}
