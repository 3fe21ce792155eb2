// Small files are grouped up to a count and a size; large ones stay alone.

import DaftPlan
import Testing

@Suite struct SmallFileGroupsTests {
    private func groups(_ sizes: [Int64]) -> [[Int64]] {
        smallFileGroups(of: sizes, mostFiles: 3, mostBytes: 10) { $0 <= 8 ? $0 : nil }
    }

    @Test func countAndBytesEndAGroupAndLargeOnesAreAlone() {
        #expect(groups([]) == [])
        #expect(groups([1, 1, 1, 1]) == [[1, 1, 1], [1]])
        #expect(groups([8, 2, 1]) == [[8, 2], [1]])
        #expect(groups([1, 20, 2]) == [[20], [1, 2]])
        #expect(groups([20, 20]) == [[20], [20]])
        #expect(groups([0, 0, 0, 0]) == [[0, 0, 0], [0]])
    }

    @Test func nothingIsLostAndNoGroupIsEmpty() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            let count = Int.random(in: 0...20, using: &random)
            let sizes = (0..<count).map { _ in Int64.random(in: 0...12, using: &random) }
            let all = groups(sizes)
            #expect(all.joined().sorted() == sizes.sorted() && !all.contains([]), "\(sizes)")
            #expect(all.allSatisfy { $0.count == 1 || $0.count <= 3 && $0.reduce(0, +) <= 10 }, "\(sizes)")
        }
    }
}
