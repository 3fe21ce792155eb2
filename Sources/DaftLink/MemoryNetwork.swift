// The network inside one process: any number of ranks, each with its loop. Its weather decides the fate of every
// message: simulations delay and lose.

import DaftModel
import DaftWire
import Synchronization

/// What happens to one message on its way.
public enum MessageFate: Sendable {
    case deliver(afterNanoseconds: Nanoseconds)
    case lose
}

public final class MemoryNetwork: Sendable {
    /// Asked for every message; the default delivers at once.
    public typealias Weather = @Sendable (_ from: Rank, _ to: Rank) -> MessageFate

    private struct State {
        var links: [Rank: MemoryLink] = [:]
        var dead: Set<Rank> = []
        /// They live, and nobody hears of them, nor they of anybody.
        var cut: Set<Rank> = []

        func isBetween(_ x: Rank, _ y: Rank) -> Bool { x != y && (cut.contains(x) || cut.contains(y)) }
    }

    private let weather: Weather?
    private let state = Mutex(State())

    public init(weather: Weather? = nil) { self.weather = weather }

    public func link(_ rank: Rank, on loop: any Loop) -> MemoryLink {
        let link = MemoryLink(rank, on: loop, in: self)
        let others = state.withLock { state in
            defer { state.links[rank] = link }
            state.dead.remove(rank)
            state.cut.remove(rank)
            return state.links.sorted { $0.key < $1.key }.map(\.value)
        }
        for other in others { other.tell(rank, .here) }
        return link
    }

    /// The rank is gone, as if its process had been killed: nothing reaches it or comes from it any more, and what
    /// others had asked of it fails.
    public func kill(_ rank: Rank) {
        let (killed, others) = state.withLock { state in
            state.dead.insert(rank)
            let killed = state.links.removeValue(forKey: rank)
            return (killed, state.links.sorted { $0.key < $1.key }.map(\.value))
        }
        killed?.close()
        for link in others { link.tell(rank, .gone) }
    }

    /// Cuts a rank off, as a cable does: to the others it is gone, and to it all others are, until it is mended.
    public func cut(_ rank: Rank) {
        for (link, other) in pairs(with: rank, { $0.cut.insert(rank).inserted }) { link.tell(other, .gone) }
    }

    public func mend(_ rank: Rank) {
        for (link, other) in pairs(with: rank, { $0.cut.remove(rank) != nil }) { link.tell(other, .here) }
    }

    /// After a change between a rank and the others: each of them, and of whom it has to be told.
    private func pairs(
        with rank: Rank, _ change: (inout State) -> Bool
    ) -> [(link: MemoryLink, other: Rank)] {
        state.withLock { state in
            guard let one = state.links[rank], change(&state) else { return [] }
            let others = state.links.filter { $0.key != rank && !state.cut.contains($0.key) }.sorted { $0.key < $1.key }
            return others.map { ($0.value, rank) } + others.map { (one, $0.key) }
        }
    }

    func alive(seenBy rank: Rank) -> [Rank] {
        state.withLock { state in state.links.keys.filter { !state.isBetween(rank, $0) }.sorted() }
    }

    /// Runs `body` on the loop of `rank` after the message's passage; false if that rank is known to be dead.
    func send(from: Rank, to: Rank, _ body: @escaping @Sendable (MemoryLink) -> Void) -> Bool {
        let (target, isDead) = state.withLock { state in
            (
                state.links[to],
                state.dead.contains(from) || state.dead.contains(to) || state.isBetween(from, to)
            )
        }
        guard !isDead, let target else { return false }
        switch weather?(from, to) ?? .deliver(afterNanoseconds: 0) {
        case .lose: break
        case .deliver(let delay):
            let arrive: @Sendable () -> Void = { [self] in
                let arrives = state.withLock { state in
                    state.links[to] === target && !state.dead.contains(from) && !state.isBetween(from, to)
                }
                if arrives { body(target) }
            }
            if delay == 0 {
                target.loop.start { arrive() }
            } else {
                _ = target.loop.alarm(at: target.loop.now + delay, arrive)
            }
        }
        return true
    }
}
