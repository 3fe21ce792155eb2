// The fate of messages: random delays without reordering between two ranks, losses, and death of a rank at its n-th
// message, sent or received.

import DaftLink
import DaftModel
import Synchronization
import TestDisk

final class FaultModel: Sendable {
    private struct Pair: Hashable {
        let from, to: Rank
    }

    private struct State {
        var random: Sequence64
        var lossPerMille: UInt64 = 0
        var longestDelayMicroseconds: UInt64
        var lastArrival: [Pair: Nanoseconds] = [:]
        var messagesLeft: [Rank: Int] = [:]
        var onDeath: (@Sendable (Rank) -> Void)?

        /// Which of the two dies with this message.
        mutating func dying(_ from: Rank, _ to: Rank) -> Rank? {
            for rank in [from, to] {
                guard let left = messagesLeft[rank] else { continue }
                messagesLeft[rank] = left > 0 ? left - 1 : nil
                if left == 0 { return rank }
            }
            return nil
        }
    }

    private let time: SimulatedTime
    private let state: Mutex<State>

    init(_ time: SimulatedTime, seed: UInt64, longestDelayMicroseconds: UInt64) {
        self.time = time
        state = Mutex(State(random: Sequence64(seed), longestDelayMicroseconds: longestDelayMicroseconds))
    }

    /// The number of messages lost per thousand.
    func lose(perMille: UInt64) { state.withLock { $0.lossPerMille = perMille } }

    func whenDeadly(_ body: @escaping @Sendable (Rank) -> Void) { state.withLock { $0.onDeath = body } }

    /// The rank dies with the message after this many more.
    func doom(_ rank: Rank, afterMessages count: Int) { state.withLock { $0.messagesLeft[rank] = count } }

    /// Ends losses and deaths.
    func calm() {
        state.withLock { state in
            state.lossPerMille = 0
            state.messagesLeft = [:]
        }
    }

    func passage(_ from: Rank, _ to: Rank) -> MessageFate {
        if let dying = state.withLock({ $0.dying(from, to) }) {
            state.withLock { $0.onDeath }?(dying)
            return .lose
        }
        let now = time.now
        return state.withLock { state in
            let roll = state.random.next() % 1_000
            let delay = 1_000 * (1 + state.random.next() % max(1, state.longestDelayMicroseconds))
            if from != to, roll < state.lossPerMille { return .lose }
            let pair = Pair(from: from, to: to)
            let arrival = max(now + delay, (state.lastArrival[pair] ?? 0) + 1)
            state.lastArrival[pair] = arrival
            return .deliver(afterNanoseconds: arrival - now)
        }
    }
}
