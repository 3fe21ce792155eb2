// Membership in this run, kept by the metadata server. A store is a member from its first hello and absent while its
// rank is unreachable. A returning rank may be another process with another store, so only a hello makes a store
// present again.

import DaftLink
import DaftModel
import DaftWire

struct MembershipTable {
    private struct Slot {
        var rank: Rank
        var store: StoreInfo
        var goneSince: Nanoseconds?
    }

    /// By store number.
    private var slots: [Int: Slot] = [:]

    /// Records the hello of a store.
    mutating func take(_ number: Int, _ store: StoreInfo, at rank: Rank, now: Nanoseconds) {
        for (other, slot) in slots where slot.rank == rank && other != number && slot.goneSince == nil {
            slots[other]?.goneSince = now
        }
        slots[number] = Slot(rank: rank, store: store, goneSince: nil)
    }

    mutating func leave(_ number: Int) { slots[number] = nil }

    /// Marks the store at that rank as absent.
    mutating func markGone(_ rank: Rank, now: Nanoseconds) {
        for (number, slot) in slots where slot.rank == rank && slot.goneSince == nil { slots[number]?.goneSince = now }
    }

    /// Whether every store seen at that rank is absent.
    func isVacant(_ rank: Rank) -> Bool {
        let there = slots.values.filter { $0.rank == rank }
        return !there.isEmpty && there.allSatisfy { $0.goneSince != nil }
    }

    /// Another rank that serves the same store now.
    func duplicate(of store: StoreID, besides rank: Rank, alive: Set<Rank>) -> Rank? {
        slots.values.first {
            $0.store.id == store && $0.rank != rank && $0.goneSince == nil && alive.contains($0.rank)
        }?.rank
    }

    /// Ordered by rank; for equal ranks, the present store first.
    func members(alive: Set<Rank>, now: Nanoseconds) -> [Member] {
        let members = slots.map { number, slot in
            Member(
                rank: slot.rank, number: number, store: slot.store,
                isAlive: slot.goneSince == nil && alive.contains(slot.rank),
                awayMilliseconds: slot.goneSince.map { (now - $0) / 1_000_000 } ?? 0)
        }
        return members.sorted { x, y in
            (x.rank.number, x.isAlive ? 0 : 1, x.number) < (y.rank.number, y.isAlive ? 0 : 1, y.number)
        }
    }

    /// Numbers of stores that have been away for at least `limit`.
    func away(longerThan limit: Nanoseconds, now: Nanoseconds) -> Set<Int> {
        Set(slots.filter { $0.value.goneSince.map { now - $0 >= limit } ?? false }.keys)
    }
}
