// The caller's side of an order: start it, poll its progress, take the outcome. Cancelling the caller's task cancels
// the order.

import DaftLink
import DaftModel
import DaftWire

/// Receives progress; called from any thread.
public typealias OrderPoll = @Sendable (Progress) -> Void

extension Station {
    func carryOut(_ order: Order, at rank: Rank, watch: OrderPoll? = nil) async -> Outcome {
        do throws(Failure) {
            var reply = try await ask(.order(order), at: rank, timeoutMilliseconds: settings.loadMilliseconds)
            while true {
                switch reply {
                case .finished(.failed(let failure)): return .failed(failure.at(roster.node(of: rank)))
                case .finished(let outcome): return outcome
                case .working(let task, let progress):
                    watch?(progress)
                    if Task.isCancelled { return await callOff(task, at: rank) }
                    reply = try await poll(task, at: rank)
                default: throw unexpected(reply, from: rank)
                }
            }
        } catch {
            return .failed(error)
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
    private func callOff(_ task: UInt64, at rank: Rank) async -> Outcome {
        let deadline = loop.deadline(inMilliseconds: settings.loadMilliseconds)
        _ = try? await ask(.cancel(task: task), at: rank)
        while loop.now < deadline, let reply = try? await poll(task, at: rank) {
            if case .finished(let outcome) = reply { return outcome }
        }
        return .failed(Failure(.stopped, [], "stopped"))
    }
}
