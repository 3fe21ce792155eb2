// Keeps this rank's catalogue replica current while a view is open: long polling at the metadata server, then a delta.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class CatalogueFollower: Sendable {
    /// Long-poll timeout at the metadata server.
    private static let newsMilliseconds = 10_000
    /// Minimum time between deltas, so that frequent publications cause at most twenty a second.
    private static let pauseMilliseconds = 50
    private static let retryMilliseconds = 1_000
    /// After this long without an answer, the replica counts as stale.
    static let patienceMilliseconds = 10_000

    private struct State {
        var lastAnswer: Nanoseconds
        var failure: Failure?
        var task: Task<Void, Never>?
    }

    private unowned let station: Station
    private let patience: Nanoseconds
    private let state: Mutex<State>

    init(_ station: Station, patienceMilliseconds: Int) {
        self.station = station
        patience = Nanoseconds(patienceMilliseconds) * 1_000_000
        state = Mutex(State(lastAnswer: station.loop.now))
    }

    deinit { state.withLock { $0.task }?.cancel() }

    func start() async throws(Failure) {
        try await station.catchUp()
        _ = try await station.refreshRoster()
        let station = station
        let task = station.loop.start { [weak self] in
            while !Task.isCancelled, !station.isClosed, let self {
                let hasAnswer = await follow()
                let pause = hasAnswer ? CatalogueFollower.pauseMilliseconds : CatalogueFollower.retryMilliseconds
                await station.loop.sleep(milliseconds: pause)
            }
        }
        state.withLock { $0.task = task }
    }

    /// Throws if the replica is stale.
    func check() throws(Failure) {
        let failure = state.withLock { state in
            station.loop.now < state.lastAnswer + patience ? nil : state.failure
        }
        if let failure { throw failure }
    }

    private func follow() async -> Bool {
        do throws(Failure) {
            let known = station.catalogue.head.state
            _ = try await station.ask(
                .news(after: known, milliseconds: CatalogueFollower.newsMilliseconds), at: .metadataServer,
                timeoutMilliseconds: CatalogueFollower.newsMilliseconds + station.settings.callMilliseconds)
            try await station.catchUp()
            state.withLock { ($0.lastAnswer, $0.failure) = (station.loop.now, nil) }
            return true
        } catch {
            state.withLock { $0.failure = error }
            return false
        }
    }
}
