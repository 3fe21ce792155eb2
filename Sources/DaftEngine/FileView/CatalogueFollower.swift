// Keeps this rank's copy of the catalogue close behind the metadata server's while somebody views it: the metadata
// server answers as soon as its state is another, and the records come as a delta.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class CatalogueFollower: Sendable {
    /// So long a question waits at the metadata server for news.
    private static let newsMilliseconds = 10_000
    /// Between two deltas: a metadata server that publishes a hundred times a second is asked twenty times.
    private static let pauseMilliseconds = 50
    private static let retryMilliseconds = 1_000
    /// Without an answer for so long, what is known may be no longer so.
    static let patienceMilliseconds = 10_000

    private struct State {
        var heard: Nanoseconds
        var failure: Failure?
        var task: Task<Void, Never>?
    }

    private unowned let station: Station
    private let patience: Nanoseconds
    private let state: Mutex<State>

    init(_ station: Station, patienceMilliseconds: Int) {
        self.station = station
        patience = Nanoseconds(patienceMilliseconds) * 1_000_000
        state = Mutex(State(heard: station.loop.now))
    }

    deinit { state.withLock { $0.task }?.cancel() }

    func start() async throws(Failure) {
        try await station.catchUp()
        _ = try await station.refreshRoster()
        let station = station
        let task = station.loop.start { [weak self] in
            while !Task.isCancelled, !station.isClosed, let self {
                let isHeard = await follow()
                let pause = isHeard ? CatalogueFollower.pauseMilliseconds : CatalogueFollower.retryMilliseconds
                await station.loop.sleep(milliseconds: pause)
            }
        }
        state.withLock { $0.task = task }
    }

    /// Throws where the metadata server has not answered for too long.
    func check() throws(Failure) {
        let failure = state.withLock { state in
            station.loop.now < state.heard + patience ? nil : state.failure
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
            state.withLock { ($0.heard, $0.failure) = (station.loop.now, nil) }
            return true
        } catch {
            state.withLock { $0.failure = error }
            return false
        }
    }
}
