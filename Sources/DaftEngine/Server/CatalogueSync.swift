// Keeps the catalogue replica up to date; concurrent callers share one delta request.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire

actor CatalogueSync {
    private unowned let station: Station
    private var running: Task<Result<Void, Failure>, Never>?
    nonisolated let loop: any Loop

    init(_ station: Station) {
        self.station = station
        loop = station.link.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func catchUp(to state: State?) async throws(Failure) {
        if let state, station.catalogue.head.state >= state { return }
        // A running delta may predate the state that the caller needs.
        if let running { _ = await running.value }
        if let state, station.catalogue.head.state >= state { return }
        let task = running ?? loop.start { [self] in await pull() }
        running = task
        try await task.value.get()
        if let state, station.catalogue.head.state < state {
            throw Failure(.unreachable, [], "the metadata server knows less than state \(state)")
        }
    }

    private func pull() async -> Result<Void, Failure> {
        // Clear before waiters resume, so that a new call starts a new delta.
        defer { running = nil }
        do throws(Failure) {
            while try await !pullOnce() {}
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// Applies one delta; true if there are no more.
    private func pullOnce() async throws(Failure) -> Bool {
        let station = station
        let reply = try await station.ask(.delta(after: station.catalogue.head), at: .metadataServer)
        switch reply {
        case .records(let delta):
            try await station.work { () throws(Failure) in try station.catalogue.apply(delta) }
            return delta.isLast
        case .forked:
            try await station.work { () throws(Failure) in try station.catalogue.reset() }
            return false
        default:
            throw station.unexpected(reply, from: .metadataServer)
        }
    }
}
