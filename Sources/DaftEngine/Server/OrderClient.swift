// The caller's side of an order: start it, poll its progress, take the outcome. Cancelling the caller's task cancels
// the order.

import DaftLink
import DaftModel
import DaftWire

/// Receives progress; called from any thread.
public typealias OrderPoll = @Sendable (Progress) -> Void

extension Station {
    func carryOut<Answer>(
        _ order: TypedOrder<Answer>, at rank: Rank, watch: OrderPoll? = nil
    ) async -> Result<Answer, Failure> {
        await .of { () async throws(Failure) in
            let outcome = try await outcome(of: order.order, at: rank, watch)
            if case .failed(let failure) = outcome { throw failure.at(roster.node(of: rank)) }
            guard let answer = order.answer(outcome) else {
                throw Failure(.malformed, [], node: roster.node(of: rank), "an outcome that fits no such order")
            }
            return answer
        }
    }

    private func outcome(of order: Order, at rank: Rank, _ watch: OrderPoll?) async throws(Failure) -> Outcome {
        var reply = try await ask(.order(order), at: rank, timeoutMilliseconds: settings.loadMilliseconds)
        while true {
            switch reply {
            case .finished(let outcome): return outcome
            case .working(let task, let progress):
                watch?(progress)
                if Task.isCancelled { return try await cancel(task, at: rank) }
                reply = try await poll(task, at: rank)
            default: throw unexpected(reply, from: rank)
            }
        }
    }

    /// Repeats a lost poll; polling is idempotent.
    private func poll(_ task: UInt64, at rank: Rank) async throws(Failure) -> Reply {
        do throws(Failure) {
            return try await ask(.poll(task: task), at: rank)
        } catch {
            guard error.kind == .unreachable, link.ranks.contains(rank) else { throw error }
            return try await ask(.poll(task: task), at: rank)
        }
    }

    /// Cancels the order and waits for its end, so that a retry finds everything that it stored.
    private func cancel(_ task: UInt64, at rank: Rank) async throws(Failure) -> Outcome {
        let deadline = loop.deadline(inMilliseconds: settings.loadMilliseconds)
        // An order that cannot be cancelled is polled to its end, or to the deadline.
        _ = try? await ask(.cancel(task: task), at: rank)
        while loop.now < deadline, let reply = try? await poll(task, at: rank) {
            if case .finished(let outcome) = reply { return outcome }
        }
        throw Failure(.stopped, [], "stopped")
    }
}

extension Result<Placed, Failure> {
    /// An order that failed as a whole has that one failure.
    var placed: Placed {
        switch self {
        case .success(let placed): placed
        case .failure(let failure): Placed([failure])
        }
    }
}
