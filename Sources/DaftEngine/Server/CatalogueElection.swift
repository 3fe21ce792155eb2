// Chooses the catalogue at the start of a system: rank numbers hold for one run only, and the metadata server's node
// may be new to the system, so each data server offers its catalogue and the newest wins.
//
//   1. Wait for all expected data servers, or the deadline. If some may be absent, as among workstations, an existing
//      catalogue is used without waiting.
//   2. Catalogues of unrelated systems: nobody is admitted, and the error says what to do.
//   3. The longest journal is adopted; a local catalogue that is not its prefix is discarded.
//   4. Without any catalogue, or for a rebuild from the stores, a new one is begun.
//
// Nothing is recorded before the decision, since ranks that remember another run's metadata server may send requests
// early. Later arrivals are admitted if their catalogue is empty or of this system.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire

actor CatalogueElection {
    private let station: Station
    private nonisolated let loop: any Loop
    private var arrived: [Rank: Hello] = [:]
    private var decision: Task<Failure?, Never>?
    private let changed: Condition
    private let deadline: Nanoseconds

    init(_ station: Station) {
        self.station = station
        loop = station.loop
        changed = Condition(on: station.loop)
        deadline = station.loop.deadline(inMilliseconds: station.settings.agreementMilliseconds)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func admit(_ hello: Hello, from rank: Rank) async throws(Failure) {
        arrived[rank] = hello
        changed.notify()
        let task = decision ?? loop.start { [self] in await decide() }
        decision = task
        if let failure = await task.value { throw failure }
        if let system = hello.system, system != station.catalogue.system {
            throw CatalogueElection.unrelated([
                hello.store.host: system, station.settings.host: station.catalogue.system ?? system,
            ])
        }
    }

    /// Waits for the decision; if nobody arrives in time, this rank's own catalogue is used.
    func settled() async throws(Failure) {
        while decision == nil, loop.now < deadline { await changed.wait(until: deadline) }
        if decision == nil, station.catalogue.system != nil { decision = loop.start { nil } }
        if let failure = await decision?.value { throw failure }
    }

    private func decide() async -> Failure? {
        let settings = station.settings
        // Late joiners are allowed and there is a catalogue: do not wait.
        let canDecideAlone = settings.mayLackServers && !settings.rebuilds && station.catalogue.system != nil
        while !canDecideAlone, arrived.count < settings.expectedServers, loop.now < deadline {
            await changed.wait(until: deadline)
        }
        do throws(Failure) {
            try await adopt()
            return nil
        } catch {
            return error
        }
    }

    private func adopt() async throws(Failure) {
        let catalogue = station.catalogue
        var systems: [String: SystemID] = [:]
        if let own = catalogue.system { systems[station.settings.host] = own }
        for hello in arrived.values where hello.system != nil { systems[hello.store.host] = hello.system }
        if Set(systems.values).count > 1 { throw CatalogueElection.unrelated(systems) }
        if station.settings.rebuilds { return try await begin(systems.values.first ?? newSystem) }
        let newest = arrived.sorted { $0.key < $1.key }.max { $0.value.head.state < $1.value.head.state }
        if let newest, newest.value.head.state > catalogue.head.state {
            try await takeOver(from: newest.key)
        } else if catalogue.system == nil {
            try await begin(newSystem)
        }
    }

    private var newSystem: SystemID { station.settings.newSystem ?? .random() }

    /// Begins an empty catalogue. A rebuild keeps the system's id, so that later arrivals still belong to it.
    private func begin(_ system: SystemID) async throws(Failure) {
        let catalogue = station.catalogue
        try await station.work { () throws(Failure) in
            try catalogue.reset()
            try catalogue.change { (change) throws(Failure) in try change.append(.system(system)) }
        }
    }

    private func takeOver(from rank: Rank) async throws(Failure) {
        let catalogue = station.catalogue
        while true {
            let reply = try await station.ask(.delta(after: catalogue.head), at: rank)
            switch reply {
            case .records(let delta):
                try await station.work { () throws(Failure) in try catalogue.apply(delta) }
                if delta.isLast { return }
            case .forked:
                try await station.work { () throws(Failure) in try catalogue.reset() }
            default:
                throw station.unexpected(reply, from: rank)
            }
        }
    }

    private static func unrelated(_ systems: [String: SystemID]) -> Failure {
        let list = systems.sorted { $0.key < $1.key }.map { "\($0.key): \($0.value.hex.prefix(8))" }
        return Failure(
            .unrelated, [],
            """
            the stores belong to unrelated systems (\(list.joined(separator: ", "))) and are not merged; \
            start them apart, or give another --store, or remove the store that is not wanted
            """)
    }
}
