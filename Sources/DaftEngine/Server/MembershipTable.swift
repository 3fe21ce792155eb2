// Who is in the system in this run, as the metadata server keeps it: each store has a seat from its first hello on, and
// loses its presence when its rank goes. A rank that comes back may be another process, with another store: presence
// comes back with a hello only.

import DaftLink
import DaftModel
import DaftWire

struct MembershipTable {
    private struct Seat {
        var rank: Rank
        var store: StoreInfo
        var goneSince: Nanoseconds?
    }

    /// By store number.
    private var seats: [Int: Seat] = [:]

    /// A store said hello.
    mutating func take(_ number: Int, _ store: StoreInfo, at rank: Rank, now: Nanoseconds) {
        for (other, seat) in seats where seat.rank == rank && other != number && seat.goneSince == nil {
            seats[other]?.goneSince = now
        }
        seats[number] = Seat(rank: rank, store: store, goneSince: nil)
    }

    mutating func leave(_ number: Int) { seats[number] = nil }

    /// Whoever was at that rank is away.
    mutating func gone(_ rank: Rank, now: Nanoseconds) {
        for (number, seat) in seats where seat.rank == rank && seat.goneSince == nil { seats[number]?.goneSince = now }
    }

    /// Somebody was at that rank, and nobody has said hello there since.
    func isVacant(_ rank: Rank) -> Bool {
        let there = seats.values.filter { $0.rank == rank }
        return !there.isEmpty && there.allSatisfy { $0.goneSince != nil }
    }

    /// The rank that serves this very store now, unless it is `rank`.
    func twin(of store: StoreID, besides rank: Rank, alive: Set<Rank>) -> Rank? {
        seats.values.first {
            $0.store.id == store && $0.rank != rank && $0.goneSince == nil && alive.contains($0.rank)
        }?.rank
    }

    /// In the order of ranks; of those that had the same one, who is there before who was.
    func members(alive: Set<Rank>, now: Nanoseconds) -> [Member] {
        let members = seats.map { number, seat in
            Member(
                rank: seat.rank, number: number, store: seat.store,
                isAlive: seat.goneSince == nil && alive.contains(seat.rank),
                awayMilliseconds: seat.goneSince.map { (now - $0) / 1_000_000 } ?? 0)
        }
        return members.sorted { x, y in
            (x.rank.number, x.isAlive ? 0 : 1, x.number) < (y.rank.number, y.isAlive ? 0 : 1, y.number)
        }
    }

    /// The stores, by number, that have been away for so long.
    func away(longerThan limit: Nanoseconds, now: Nanoseconds) -> Set<Int> {
        Set(seats.filter { $0.value.goneSince.map { now - $0 >= limit } ?? false }.keys)
    }
}
