// A whole system inside one process: a metadata server and any number of data servers over the memory link, each with a
// loop, threads, a store and a catalogue of its own, as they would have in processes of their own.

import DaftLink
import DaftModel
import Synchronization

public final class LocalSystem: Sendable {
    public let network: MemoryNetwork
    /// Rank 0, the metadata server, and then the data servers.
    public let stations: [Station]
    /// What the start found wrong and could live with.
    public let warnings: [Failure]
    private let loops: [ThreadLoop]

    public var metadataServer: Station { stations[0] }

    /// Starts one rank for each of `settings`; the first is the metadata server.
    public static func start(_ settings: [Settings]) async throws(Failure) -> LocalSystem {
        let network = MemoryNetwork()
        let loops = settings.indices.map { ThreadLoop(name: "daft-rank\($0)") }
        var stations: [Station] = []
        do throws(Failure) {
            // The metadata server last: a store in use says by which process.
            for (rank, some) in settings.enumerated().reversed() {
                var some = some
                if rank == 0 { some.expectedServers = settings.count - 1 }
                let link = network.link(Rank(rank), on: loops[rank])
                do throws(Failure) { stations.insert(try Station(some, link: link), at: 0) } catch {
                    throw error.at(some.host)
                }
            }
            for station in stations { station.meet(stations) }
            let warnings = stations.compactMap(\.warning) + (try await begin(stations))
            return LocalSystem(network, stations, warnings, loops)
        } catch {
            end(stations, loops)
            throw error
        }
    }

    private init(_ network: MemoryNetwork, _ stations: [Station], _ warnings: [Failure], _ loops: [ThreadLoop]) {
        self.network = network
        self.stations = stations
        self.warnings = warnings
        self.loops = loops
    }

    /// Runs `body` where the protocol of the metadata server runs.
    public func run<T: Sendable>(_ body: @escaping @Sendable (Station) async -> T) async -> T {
        let station = stations[0]
        return await station.loop.finished(station.loop.start { await body(station) })
    }

    public func close() { LocalSystem.end(stations, loops) }

    private static func begin(_ stations: [Station]) async throws(Failure) -> [Failure] {
        let starts = stations.map { station in
            station.loop.start { await Result.of { () async throws(Failure) in try await station.start() } }
        }
        var warnings: [Failure] = []
        for start in starts.dropFirst() { _ = try await start.value.get() }
        if let first = starts.first { warnings = try await first.value.get() }
        return warnings
    }

    private static func end(_ stations: [Station], _ loops: [ThreadLoop]) {
        for station in stations { station.close() }
        for loop in loops { loop.stop() }
    }
}

extension Station {
    fileprivate func meet(_ stations: [Station]) {
        for other in stations where other !== self && other.settings.host == settings.host {
            neighbours.withLock { $0[other.rank] = other.store }
        }
    }
}
