// Placement by `diffuse`.
import DaftModel
import DaftPlan
import Testing

private let chunk = ChunkSize(4096)!
private let plenty = Int64(1) << 50

private func placement(_ stores: Int, free: Int64 = plenty) -> Placement {
    Placement(free: [Int64](repeating: free, count: stores), chunkSize: chunk)
}

private func forms(_ pieces: [Placement.Piece]) -> [String] {
    pieces.map { "\($0.file):\($0.chunks.lowerBound)-\($0.chunks.upperBound)@\($0.store)" }
}

@Suite struct PlacementTests {
    @Test func smallFilesGoWholeToTheStoreWithTheLeast() {
        var placement = placement(3)
        #expect(forms(placement.place([4096, 100, 1, 1])) == ["0:0-1@0", "1:0-1@1", "2:0-1@2", "3:0-1@0"])
    }

    @Test func emptyFilesAreSpreadToo() {
        var placement = placement(2)
        #expect(forms(placement.place([0, 0, 0])) == ["0:0-0@0", "1:0-0@1", "2:0-0@0"])
    }

    @Test func largeFilesAreCutIntoEqualRuns() {
        var placement = placement(3)
        #expect(forms(placement.place([9 * 4096])) == ["0:0-3@0", "0:3-6@1", "0:6-9@2"])
        #expect(forms(placement.place([4 * 4096 + 1])) == ["0:0-2@0", "0:2-4@1", "0:4-5@2"])
        // The third store has one chunk less by now and gets the remaining one.
        #expect(forms(placement.place([4 * 4096])) == ["0:0-1@0", "0:1-2@1", "0:2-4@2"])
    }

    @Test func earlierBatchesAreRemembered() {
        var inOne = placement(4)
        var inTwo = placement(4)
        let sizes: [Int64] = [5, 50_000, 4096, 0, 12_288, 1_000_000]
        let whole = inOne.place(sizes).map { [$0.chunks.lowerBound, $0.chunks.upperBound, $0.store] }
        let halves = [sizes.prefix(3), sizes.suffix(3)].flatMap { inTwo.place(Array($0)) }
            .map { [$0.chunks.lowerBound, $0.chunks.upperBound, $0.store] }
        #expect(whole == halves)
    }

    @Test func aStoreWithoutRoomGetsNothing() {
        var placement = Placement(free: [0, plenty, -1, 4096], chunkSize: chunk)
        #expect(forms(placement.place([10, 10, 10])) == ["0:0-1@1", "1:0-1@3", "2:0-1@1"])
        #expect(forms(placement.place([5 * 4096])) == ["0:0-5@1"])
    }

    @Test func whatOneStoreCannotTakeTheOthersTake() {
        var placement = Placement(free: [2 * 4096, plenty, plenty], chunkSize: chunk)
        #expect(forms(placement.place([12 * 4096])) == ["0:0-2@0", "0:2-7@1", "0:7-12@2"])
    }

    @Test func aFileThatFitsNowhereHasNoPieceAndTheOthersArePlaced() {
        var placement = Placement(free: [4 * 4096, 4096], chunkSize: chunk)
        #expect(forms(placement.place([6 * 4096, 5 * 4096, 1])) == ["1:0-4@0", "1:4-5@1"])
        var nobody = Placement(free: [], chunkSize: chunk)
        #expect(nobody.place([1, 0, 99_999]).isEmpty)
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func everyChunkIsPlacedOnceAndStoresDifferByOneChunkAtMost(seed: UInt64) {
        var dice = SeededNumbers(seed: seed)
        let stores = Int.random(in: 1...17, using: &dice)
        var placement = placement(stores)
        var loads = [Int64](repeating: 0, count: stores)
        for _ in 0..<20 {
            let largest: Int64 = Bool.random(using: &dice) ? 300_000 : 5000
            let sizes = (0..<20).map { _ in Int64.random(in: 0...largest, using: &dice) }
            let pieces = placement.place(sizes)
            for (file, size) in sizes.enumerated() {
                let own = pieces.filter { $0.file == file }
                #expect(!own.isEmpty)
                #expect(own.flatMap { Array($0.chunks) } == Array(0..<chunk.count(of: size)))
                #expect(Set(own.map(\.store)).count == own.count)
            }
            for piece in pieces { loads[piece.store] += max(1, Int64(piece.chunks.count)) }
            #expect(loads.max()! - loads.min()! <= 1, "in chunks of 4096, of which a file takes one at least")
        }
    }

    @Test(arguments: [UInt64(1), 2, 3, 4, 5, 6, 7, 8])
    func noStoreGetsMoreThanItHasRoomFor(seed: UInt64) {
        var dice = SeededNumbers(seed: seed)
        let free = (0..<9).map { _ in Int64.random(in: 0...400_000, using: &dice) }
        var placement = Placement(free: free, chunkSize: chunk)
        let sizes = (0..<100).map { _ in Int64.random(in: 0...60_000, using: &dice) }
        let pieces = placement.place(sizes)
        var taken = [Int64](repeating: 0, count: free.count)
        for piece in pieces {
            taken[piece.store] += piece.chunks.reduce(0) { $0 + Int64(chunk.length(of: $1, in: sizes[piece.file])) }
        }
        #expect(zip(taken, free).allSatisfy { $0 <= $1 })
        let placed = Dictionary(grouping: pieces, by: \.file).mapValues { $0.reduce(0) { $0 + $1.chunks.count } }
        #expect(placed.count < sizes.count, "there is not room for all")
        for (file, count) in placed { #expect(count == chunk.count(of: sizes[file])) }
    }
}
