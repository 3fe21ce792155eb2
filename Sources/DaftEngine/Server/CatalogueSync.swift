// Keeps a copy of the catalogue up to date: one delta at a time, however many ask.

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
        // A delta that was asked for before this call may be older than what the caller has to see.
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
        // Before anybody who waits goes on: what starts after this sees what was published before it.
        defer { running = nil }
        do throws(Failure) {
            while try await !pullOnce() {}
            return .success(())
        } catch {
            return .failure(error)
        }
    }

    /// One delta; true when there is nothing more.
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
