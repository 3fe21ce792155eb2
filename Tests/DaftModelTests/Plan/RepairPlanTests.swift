// Where a repair places further copies.
import DaftCommand
import DaftModel
import DaftPlan
import DaftWire
import Testing

@Suite struct RepairPlanTests {
    private let chunkSize = ChunkSize(4096)!

    private func content(
        _ number: UInt8, chunks: Int, copies: Copies, _ keepers: [(Int, Extent)], holes: [Int] = [], only: [Int]? = nil
    ) -> RepairPlan.Content {
        let ids = (0..<chunks).map { Digest(bytes: [UInt8](repeating: UInt8($0), count: 32))! }
        return RepairPlan.Content(
            id: Digest(bytes: [UInt8](repeating: number, count: 32))!,
            manifest: Manifest(size: Int64(chunks) * 4096, chunkSize: chunkSize, chunks: ids), copies: copies,
            keepers: keepers.map { StoreExtent(store: $0.0, $0.1) }, holes: BitSet(holes),
            only: only.map { BitSet($0) })
    }

    private func plan(_ stores: [Int], free: Int64 = 1 << 30, hosts: [String]? = nil, away: [Int] = []) -> RepairPlan {
        let servers = stores.enumerated().map { index, store in
            RepairPlan.Server(store: store, host: hosts?[index] ?? "n\(store)", free: free)
        }
        return RepairPlan(servers, sources: BitSet(stores), counted: BitSet(stores + away))
    }

    @Test func whatHasEnoughCopiesMovesNothing() {
        var plan = plan([0, 1, 2])
        #expect(plan.decide(content(1, chunks: 3, copies: .atLeast(2), [(0, .complete), (2, .complete)])).copies == [])
        #expect(
            plan.decide(content(2, chunks: 3, copies: .one, [(0, .part(BitSet([0]))), (1, .part(BitSet([1, 2])))]))
                .copies == [])
    }

    @Test func copiesAreBalancedByBytes() {
        var plan = plan([0, 1, 2, 3])
        var bytes = [Int64](repeating: 0, count: 4)
        for number in 0..<60 {
            let decision = plan.decide(
                content(UInt8(number), chunks: 1 + number % 5, copies: .atLeast(2), [(0, .complete)]))
            #expect(decision.copies.count == 1)
            for copy in decision.copies { bytes[copy.store] += copy.bytes }
        }
        #expect(bytes[0] == 0)
        #expect(bytes[1...].max()! - bytes[1...].min()! <= 5 * 4096)
    }

    @Test func everyRunOfASpreadContentGoesToSomebodyElse() {
        var plan = plan([0, 1, 2])
        let parts = (0..<3).map { ($0, Extent.part(BitSet([2 * $0, 2 * $0 + 1]))) }
        let decision = plan.decide(content(1, chunks: 6, copies: .atLeast(2), parts))
        #expect(decision.copies.map(\.store) == [0, 1, 2])
        for copy in decision.copies {
            #expect(copy.chunks.count == 2)
            #expect(copy.chunks.intersection(BitSet([2 * copy.store, 2 * copy.store + 1])).isEmpty)
        }
    }

    @Test func moreCopiesThanServersAreAsManyAsThereAre() {
        var plan = plan([0, 1])
        let decision = plan.decide(content(1, chunks: 2, copies: .atLeast(9), [(0, .complete)]))
        #expect(decision.copies.map(\.store) == [1])
        #expect(!decision.hasNoRoom)
    }

    @Test func whatWasBroadcastGoesToEverybodyWhoLacksIt() {
        var plan = plan([0, 1, 2], away: [7])
        let decision = plan.decide(
            content(1, chunks: 2, copies: .everywhere, [(0, .complete), (1, .part(BitSet([0]))), (7, .complete)]))
        #expect(
            decision.copies == [
                RepairPlan.Copy(store: 1, chunks: BitSet([1]), bytes: 4096),
                RepairPlan.Copy(store: 2, chunks: BitSet([0, 1]), bytes: 8192),
            ])
    }

    @Test func whoIsExpectedBackCountsAndWhoIsAwayDoesNot() {
        let lost = content(1, chunks: 2, copies: .atLeast(2), [(0, .complete), (7, .complete)])
        var patient = plan([0, 1], away: [7])
        #expect(patient.decide(lost).copies == [])
        var impatient = plan([0, 1])
        #expect(impatient.decide(lost).copies.map(\.store) == [1])
    }

    @Test func whatNobodyHereKeepsIsSaidAndHolesAreNot() {
        var plan = plan([0, 1])
        let decision = plan.decide(
            content(1, chunks: 4, copies: .one, [(7, .complete), (0, .part(BitSet([3])))], holes: [1]))
        #expect(decision.unavailable == BitSet([0, 2]))
        #expect(decision.copies == [])
    }

    @Test func aFullServerGetsNothing() {
        var plan = plan([0, 1], free: 8192)
        #expect(plan.decide(content(1, chunks: 2, copies: .atLeast(2), [(0, .complete)])).copies.count == 1)
        let decision = plan.decide(content(2, chunks: 1, copies: .atLeast(2), [(0, .complete)]))
        #expect(decision.copies == [] && decision.hasNoRoom)
    }

    @Test func anotherNodeIsChosenBeforeTheSame() {
        var plan = plan([0, 1, 2], hosts: ["a", "a", "b"])
        for number in 0..<5 {
            let decision = plan.decide(content(UInt8(number), chunks: 1, copies: .atLeast(2), [(0, .complete)]))
            #expect(decision.copies.map(\.store) == [2])
        }
        #expect(
            plan.decide(content(9, chunks: 1, copies: .atLeast(3), [(0, .complete)])).copies.map(\.store) == [1, 2])
    }

    @Test func ofAStoreThatLeavesOnlyWhatItKeepsIsCopied() {
        let servers = [1, 2].map { RepairPlan.Server(store: $0, host: "n\($0)", free: 1 << 30) }
        var plan = RepairPlan(servers, sources: BitSet([0, 1, 2]), counted: BitSet([1, 2]))
        let decision = plan.decide(
            content(1, chunks: 4, copies: .one, [(0, .part(BitSet([1, 2]))), (1, .part(BitSet([2])))], only: [1, 2]))
        #expect(decision.copies.map(\.chunks) == [BitSet([1])])
        #expect(decision.unavailable.isEmpty)
    }

    @Test func anEmptyContentIsCopied() {
        var plan = plan([0, 1])
        let decision = plan.decide(content(1, chunks: 0, copies: .atLeast(2), [(0, .complete)]))
        #expect(decision.copies == [RepairPlan.Copy(store: 1, chunks: BitSet(), bytes: 0)])
    }
}
