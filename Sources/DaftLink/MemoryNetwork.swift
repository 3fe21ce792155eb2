// The network of memory links: any number of ranks, each with its loop. A weather function decides on every message, so
// that simulations can delay and lose them.

import DaftModel
import DaftWire
import Synchronization

/// What happens to one message.
public enum MessageFate: Sendable {
    case deliver(afterNanoseconds: Nanoseconds)
    case lose
}

public final class MemoryNetwork: Sendable {
    /// Called for every message; by default they are delivered at once.
    public typealias FaultModel = @Sendable (_ from: Rank, _ to: Rank) -> MessageFate

    private struct State {
        var links: [Rank: MemoryLink] = [:]
        var dead: Set<Rank> = []
        /// Alive, but partitioned from all others.
        var cut: Set<Rank> = []

        func isBetween(_ x: Rank, _ y: Rank) -> Bool { x != y && (cut.contains(x) || cut.contains(y)) }
    }

    private let faultModel: FaultModel?
    private let state = Mutex(State())

    public init(faultModel: FaultModel? = nil) { self.faultModel = faultModel }

    public func link(_ rank: Rank, on loop: any Loop) -> MemoryLink {
        let link = MemoryLink(rank, on: loop, in: self)
        let others = state.withLock { state in
            defer { state.links[rank] = link }
            state.dead.remove(rank)
            state.cut.remove(rank)
            return state.links.sorted { $0.key < $1.key }.map(\.value)
        }
        for other in others { other.notify(rank, .here) }
        return link
    }

    /// Kills the rank as if its process had died: nothing reaches or leaves it, and requests to it fail.
    public func kill(_ rank: Rank) {
        let (killed, others) = state.withLock { state in
            state.dead.insert(rank)
            let killed = state.links.removeValue(forKey: rank)
            return (killed, state.links.sorted { $0.key < $1.key }.map(\.value))
        }
        killed?.close()
        for link in others { link.notify(rank, .gone) }
    }

    /// Partitions a rank: all others are gone for it, and it for them, until it is reconnected.
    public func cut(_ rank: Rank) {
        for (link, other) in pairs(with: rank, { $0.cut.insert(rank).inserted }) { link.notify(other, .gone) }
    }

    public func mend(_ rank: Rank) {
        for (link, other) in pairs(with: rank, { $0.cut.remove(rank) != nil }) { link.notify(other, .here) }
    }

    /// For a change that concerns `rank`: each other link, and whom it must be told about.
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

    /// Runs `body` on the loop of `rank` when the message arrives; false if that rank is known to be dead.
    func send(from: Rank, to: Rank, _ body: @escaping @Sendable (MemoryLink) -> Void) -> Bool {
        let (target, isDead) = state.withLock { state in
            (
                state.links[to],
                state.dead.contains(from) || state.dead.contains(to) || state.isBetween(from, to)
            )
        }
        guard !isDead, let target else { return false }
        switch faultModel?(from, to) ?? .deliver(afterNanoseconds: 0) {
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
