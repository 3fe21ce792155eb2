// A whole system in one process: a metadata server and data servers over the memory link, each with its own loop,
// threads, store and catalogue, as separate processes would have.

import DaftLink
import DaftModel
import Synchronization

public final class LocalSystem: Sendable {
    public let network: MemoryNetwork
    /// The metadata server (rank 0), then the data servers.
    public let stations: [Station]
    /// Non-fatal problems found at the start.
    public let warnings: [Failure]
    private let loops: [ThreadLoop]

    public var metadataServer: Station { stations[0] }

    /// Starts one rank per element of `settings`; the first is the metadata server.
    public static func start(_ settings: [Settings]) async throws(Failure) -> LocalSystem {
        let network = MemoryNetwork()
        let loops = settings.indices.map { ThreadLoop(name: "daft-rank\($0)") }
        var stations: [Station] = []
        do throws(Failure) {
            // The metadata server last: the error for a store in use names the process.
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

    /// Runs `body` on the metadata server's loop.
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
