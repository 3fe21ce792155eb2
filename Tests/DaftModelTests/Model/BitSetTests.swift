// Bit sets have a unique representation, however they were made.

import DaftModel
import Testing

@Suite struct BitSetTests {
    @Test func findsWhatIsMissing() {
        var set = BitSet(below: 130)
        #expect(set.containsAll(below: 130))
        #expect(set.firstMissing(below: 131) == 130)
        #expect(BitSet(below: 128).firstMissing(below: 129) == 128)
        #expect(BitSet().firstMissing(below: 1) == 0 && BitSet().firstMissing(below: 0) == nil)
        set.remove(64)
        #expect(set.firstMissing(below: 130) == 64)
        #expect(set.firstMissing(below: 64) == nil)
        #expect(set.count == 129)
        #expect(set.bound == 130)
    }

    @Test func equalSetsHaveOneForm() {
        var set = BitSet([3, 200])
        set.remove(200)
        #expect(set == BitSet([3]))
        #expect(set.encoded == BitSet([3]).encoded)
        #expect(Array(BitSet([200, 3, 64])) == [3, 64, 200])
    }

    @Test func aFullPartIsComplete() {
        #expect(Extent(BitSet(below: 5), of: 5) == .complete)
        #expect(Extent(BitSet([0]), of: 2) == .part(BitSet([0])))
        #expect(Extent(BitSet(), of: 0) == .complete)
    }
}
