// Collects the trace events of all ranks at rank 0 at the end of a run.

import DaftLink
import DaftModel
import DaftWire

/// Trace events of one rank.
public struct RankTrace: Sendable {
    public let rank: Rank
    public let host: String
    public let events: [TraceEvent]
    public let dropped: UInt64
}

extension Station {
    /// Fetches events rank by rank, so that only one rank's are in memory. Returns a failure for each rank that could
    /// not deliver.
    public func collectTraces(_ take: (RankTrace) async -> Void) async -> [Failure] {
        var failures: [Failure] = []
        for (rank, host) in [(rank, settings.host)] + members.map({ ($0.rank, $0.store.host) }) {
            do throws(Failure) {
                await take(try await collectTrace(of: rank, on: host))
            } catch {
                let reason = "the part of \(rank) in the trace cannot be had: \(error.reason)"
                failures.append(Failure(error.kind, [], node: host, reason))
            }
        }
        return failures
    }

    private func collectTrace(of rank: Rank, on host: String) async throws(Failure) -> RankTrace {
        var events: [TraceEvent] = []
        var page: TracePage
        repeat {
            let reply = try await ask(.traced(from: events.count), at: rank)
            guard case .traced(let some) = reply else { throw unexpected(reply, from: rank) }
            events += some.events
            page = some
        } while !page.events.isEmpty && events.count < min(page.kept, Trace.room)
        return RankTrace(rank: rank, host: host, events: events, dropped: page.dropped)
    }

    func traced(from first: Int) -> Reply {
        guard let trace else { return .failed(Failure(.missing, [], "this rank notes nothing for a trace")) }
        return .traced(trace.page(from: first))
    }
}
