// The start of a system: ranks are only this run's numbering, and the metadata server may be on a node that never was
// in it, so everybody brings what it has and the newest catalogue wins.
//
//   1. Wait for every data server that is expected, or until the time for that is over. Where some may be lacking,
//      as among workstations, nobody is waited for once there is a catalogue.
//   2. Catalogues of unrelated systems: nobody is admitted, with what to do.
//   3. Somebody's journal goes further than ours: take it over from there; if ours is not its beginning, wholly.
//   4. There is none at all, or it is to be rebuilt from what the stores know: begin one.
//
// Nothing is recorded before that: who remembers another run's metadata server may ask early.
// Whoever comes later is admitted if its catalogue is of this system, or empty.

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

    /// Waits until it is decided whose catalogue is the system's; with nobody there in time, this rank's own.
    func settled() async throws(Failure) {
        while decision == nil, loop.now < deadline { await changed.wait(until: deadline) }
        if decision == nil, station.catalogue.system != nil { decision = loop.start { nil } }
        if let failure = await decision?.value { throw failure }
    }

    private func decide() async -> Failure? {
        let settings = station.settings
        // Where any may come later, and there is a catalogue, nobody's is waited for.
        let isAlone = settings.mayLackServers && !settings.rebuilds && station.catalogue.system != nil
        while !isAlone, arrived.count < settings.expectedServers, loop.now < deadline {
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

    /// An empty catalogue. Of a system that is rebuilt it has the old id, so that who comes later belongs to it.
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
