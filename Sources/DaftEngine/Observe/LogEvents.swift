// The engine's log events: membership changes, orders and their outcomes.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

extension Station {
    /// Failures logged per order; many files tend to fail for the same reason.
    private static let loggedFailures = 20

    public func note(_ level: LogLevel, _ event: String, _ fields: KeyValuePairs<String, String> = [:]) {
        settings.log?.note(level, event, fields)
    }

    public func note(_ failure: Failure, _ level: LogLevel, in what: String) {
        note(
            level, "failure",
            [
                "in": what, "kind": caseName(of: failure.kind), "node": failure.node,
                "subject": shown(failure.subject), "reason": failure.reason,
            ])
    }

    public func note(_ failures: [Failure], _ level: LogLevel, in what: String) {
        for failure in failures.prefix(Station.loggedFailures) { note(failure, level, in: what) }
        let rest = failures.count - Station.loggedFailures
        if rest > 0 { note(level, "failures", ["in": what, "more": "\(rest)"]) }
    }

    /// Executes an order and logs its start and end.
    func logging(_ order: Order, from rank: Rank, _ progressCounter: ProgressCounter, _ body: () async -> Outcome) async
        -> Outcome
    {
        guard let log = settings.log else { return await body() }
        let (kind, begun) = (caseName(of: order), loop.now)
        log.note(.info, "order.begin", ["order": kind, "from": "\(rank.number)"])
        let outcome = await body()
        note(outcome.failures, .warning, in: kind)
        log.note(
            .info, "order.end",
            [
                "order": kind, "from": "\(rank.number)", "ms": "\((loop.now - begun) / 1_000_000)",
                "moved": "\(progressCounter.moved)", "failures": "\(outcome.failures.count)",
            ])
        return outcome
    }

    func noteStart() {
        note(
            .info, "start",
            [
                "rank": "\(rank.number)", "node": settings.host,
                "role": isMetadataServer ? "metadata-server" : "data-server",
                "store": store.map { shown($0.directory) } ?? "",
                "state": "\(catalogue.head.state)",
            ])
    }

    func noteEnd() { note(.info, "end", ["state": "\(catalogue.head.state)"]) }
}

extension Outcome {
    /// The failures in an outcome.
    var failures: [Failure] {
        switch self {
        case .ingested(let files, _):
            files.compactMap { if case .failed(let failure) = $0 { failure } else { nil } }
        case .placed(let failures): failures
        case .restored(let failures, let warnings): failures + warnings
        case .fetched(let fetched): fetched.failures
        case .verified(let verified): verified.failures
        case .failed(let failure): [failure]
        case .repaired(let repaired): repaired.failures
        case .collected(let collected): collected.failures
        case .recognised, .inspected: []
        }
    }
}
