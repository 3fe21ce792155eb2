// A system of ranks in this process with counted messages and bytes, and the verbs for tests.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Synchronization
import Testing

@testable import DaftEngine

/// Like `LocalSystem`, with link statistics.
final class Cluster: Sendable {
    let network: MemoryNetwork
    let traffic: Traffic
    private let settings: [Settings]
    private let running: Mutex<[(station: Station, loop: ThreadLoop)]>
    private let told = Mutex<[Failure]>([])

    var stations: [Station] { running.withLock { $0.map(\.station) } }

    /// Non-fatal problems found at the start.
    var warnings: [Failure] { told.withLock { $0 } }

    static func start(_ settings: [Settings], delayMicroseconds: Int = 0) async throws(Failure) -> Cluster {
        let cluster = try Cluster(settings, delayMicroseconds)
        let starts = cluster.stations.map { station in
            station.loop.start { await Result.of { () async throws(Failure) in try await station.start() } }
        }
        do throws(Failure) {
            for start in starts.dropFirst() { _ = try await start.value.get() }
            let warnings = try await starts[0].value.get()
            cluster.told.withLock { $0 = warnings }
        } catch {
            cluster.close()
            throw error
        }
        return cluster
    }

    private init(_ settings: [Settings], _ delayMicroseconds: Int) throws(Failure) {
        let traffic = Traffic()
        let network = MemoryNetwork { from, to in
            traffic.message(from, to)
            return .deliver(afterNanoseconds: Nanoseconds(delayMicroseconds) * 1_000)
        }
        let loops = settings.indices.map { ThreadLoop(name: "rank\($0)") }
        var stations: [Station] = []
        do throws(Failure) {
            for (rank, some) in settings.enumerated() {
                var some = some
                if rank == 0 { some.expectedServers = settings.count - 1 }
                let link = CountingLink(network.link(Rank(rank), on: loops[rank]), traffic)
                do throws(Failure) { stations.append(try Station(some, link: link)) } catch {
                    throw error.at(some.host)
                }
            }
        } catch {
            for station in stations { station.close() }
            for loop in loops { loop.stop() }
            throw error
        }
        (self.network, self.traffic, self.settings) = (network, traffic, settings)
        let pairs = zip(stations, loops).map { (station: $0, loop: $1) }
        running = Mutex(pairs)
    }

    /// Ends everything; another cluster can then use the directories.
    func close() {
        for one in running.withLock({ $0 }) {
            one.station.close()
            one.loop.stop()
        }
    }

    /// Ends a rank as if killed, except that its files are closed cleanly.
    func kill(_ rank: Int) {
        network.kill(Rank(rank))
        let one = running.withLock { $0[rank] }
        one.station.close()
        one.loop.stop()
    }

    /// Starts another process at a rank, by default with the same settings.
    @discardableResult
    func revive(_ rank: Int, as other: Settings? = nil) async throws(Failure) -> [Failure] {
        let loop = ThreadLoop(name: "rank\(rank) again")
        var some = other ?? settings[rank]
        if rank == 0 { some.expectedServers = settings.count - 1 }
        let station = try Station(some, link: CountingLink(network.link(Rank(rank), on: loop), traffic))
        running.withLock { $0[rank] = (station, loop) }
        let start = loop.start { await Result.of { () async throws(Failure) in try await station.start() } }
        return try await start.value.get()
    }

    /// Waits until the metadata server has this many data servers.
    func await(servers count: Int) async throws {
        let station = stations[0]
        let isReached = await within(seconds: 20) {
            while station.members.count(where: \.isAlive) != count { try? await Task.sleep(for: .milliseconds(5)) }
            return true
        }
        try #require(isReached == true, "\(station.members)")
    }

    /// Runs `body` on a rank's loop.
    func run<T: Sendable>(at rank: Int = 0, _ body: @escaping @Sendable (Session) async -> T) async -> T {
        let station = stations[rank]
        return await station.loop.finished(station.loop.start { await body(Session(at: station)) })
    }
}

extension Cluster {
    func put(_ path: String, at host: String? = nil, as name: Name? = nil) async -> Report {
        await run { await $0.put([Array(path.utf8)], at: host, as: name) }
    }

    func diffuse(_ path: String, as name: Name? = nil) async -> Report {
        await run { await $0.diffuse([Array(path.utf8)], as: name) }
    }

    func bcast(_ thing: String, as name: Name? = nil) async -> Report {
        await run { await $0.bcast([Array(thing.utf8)], as: name) }
    }

    func fetch(_ names: [Name], at host: String) async -> Report { await run { await $0.fetch(names, at: host) } }

    func get(_ name: Name, to path: String, at rank: Int = 0) async -> Report {
        await run(at: rank) { await $0.get([name], to: Array(path.utf8)) }
    }

    func verify(_ names: [Name] = []) async -> (report: Report, verified: [(server: String, verified: Verified)]) {
        await run { await $0.verify(names) }
    }

    func cat(_ name: Name, at rank: Int = 0) async -> (report: Report, bytes: [UInt8]) {
        let collected = Collected()
        let report = await run(at: rank) {
            await $0.cat(name) { bytes in collected.bytes.withLock { $0 += Array(bytes) } }
        }
        return (report, collected.bytes.withLock { $0 })
    }

    /// The metadata server's entry of a name.
    func listed(_ name: Name) async throws -> ListedEntry {
        let result = await run { session in
            await Result.of { () async throws(Failure) in try await session.stat(name).listed }
        }
        return try result.get()
    }

    /// Hosts that keep the whole file according to the catalogue.
    func keepers(_ name: Name) async throws -> [String] { try await listed(name).complete }

    func entry(_ name: Name) throws -> Entry? { try stations[0].catalogue.entry(name) }

    var state: State { stations[0].catalogue.head.state }
}

private final class Collected: Sendable {
    let bytes = Mutex<[UInt8]>([])
}

/// Counts link traffic.
final class Traffic: Sendable {
    private struct State {
        var messages = 0
        var calls = 0
        /// Loads from the rank itself.
        var ownLoads = 0
        /// Bytes supplied to others, by rank.
        var supplied: [Rank: Int] = [:]
        /// After this many supplied bytes, further loads wait.
        var limit = Int.max
    }

    private let state = Mutex(State())

    var messages: Int { state.withLock { $0.messages } }
    var ownLoads: Int { state.withLock { $0.ownLoads } }
    func supplied(by rank: Int) -> Int { state.withLock { $0.supplied[Rank(rank)] ?? 0 } }
    var supplied: Int { state.withLock { $0.supplied.values.reduce(0, +) } }

    private var isHeld: Bool { state.withLock { $0.supplied.values.reduce(0, +) >= $0.limit } }

    /// Lets this many further bytes pass; the rest waits for `release`.
    func hold(after bytes: Int) { state.withLock { $0.limit = $0.supplied.values.reduce(0, +) + bytes } }
    func release() { state.withLock { $0.limit = .max } }

    func awaitHold() async throws {
        let isReached = await within(seconds: 30) { [self] in
            while !isHeld { try? await Task.sleep(for: .milliseconds(1)) }
            return true
        }
        try #require(isReached == true, "nothing crosses the links")
    }

    func passage(on loop: any Loop) async { while isHeld { await loop.sleep(milliseconds: 2) } }

    func message(_ from: Rank, _ to: Rank) { state.withLock { $0.messages += 1 } }
    func noteOwnLoad() { state.withLock { $0.ownLoads += 1 } }
    func supply(_ rank: Rank, _ bytes: Int) { state.withLock { $0.supplied[rank, default: 0] += bytes } }
}

/// A link that counts the bytes loaded from others.
struct CountingLink: Link {
    private let link: MemoryLink
    private let traffic: Traffic

    init(_ link: MemoryLink, _ traffic: Traffic) {
        self.link = link
        self.traffic = traffic
    }

    var rank: Rank { link.rank }
    var ranks: [Rank] { link.ranks }
    var loop: any Loop { link.loop }

    func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) { link.onChange(body) }
    func serve(_ responder: any Responder) { link.serve(responder) }

    func call(_ request: Request, at rank: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        try await link.call(request, at: rank, timeoutMilliseconds: timeoutMilliseconds)
    }

    func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        if rank != self.rank { await traffic.passage(on: loop) } else { traffic.noteOwnLoad() }
        let states = try await link.load(
            run, from: rank, into: slab, incomingSlab: incomingSlab, timeoutMilliseconds: timeoutMilliseconds)
        let bytes = zip(run.pieces, states).reduce(0) { $0 + ($1.1.hasBytes ? $1.0.length : 0) }
        if rank != self.rank { traffic.supply(rank, bytes) }
        return states
    }

    func close() { link.close() }
}

extension Name {
    /// A name from a literal.
    static func of(_ text: String) throws -> Name { try Name(text) }
}

extension Scratch {
    /// Rank 0 on the first host with its catalogue in `mds`, and a data server on each host, with small chunks.
    func settings(_ hosts: [String], at first: String = "n0", mds: String = "mds") -> [Settings] {
        let servers = hosts.map { Settings(host: $0, store: Array(self["store-\($0)"].utf8)) }
        return ([Settings(host: first, catalogue: self[mds])] + servers).map { some in
            var some = some
            some.chunkSize = ChunkSize(4096) ?? .standard
            some.workerThreads = 2
            some.agreementMilliseconds = 5_000
            some.callMilliseconds = 5_000
            some.loadMilliseconds = 5_000
            return some
        }
    }

    func cluster(_ hosts: [String], at first: String = "n0", mds: String = "mds") async throws -> Cluster {
        try await Cluster.start(settings(hosts, at: first, mds: mds))
    }
}

/// The result of `body`, or nil after the timeout, so that a hang fails only its test.
func within<T: Sendable>(seconds: Int, _ body: @escaping @Sendable () async -> T) async -> T? {
    let result = Mutexed<T?>(nil)
    Task {
        let value = await body(); result.set(value)
    }
    let end = ContinuousClock.now + .seconds(seconds)
    while ContinuousClock.now < end {
        if let value = result.value { return value }
        try? await Task.sleep(for: .milliseconds(5))
    }
    return result.value
}

final class Mutexed<T: Sendable>: Sendable {
    private let held: Mutex<T>
    init(_ value: T) { held = Mutex(value) }
    var value: T { held.withLock { $0 } }
    func set(_ value: T) { held.withLock { $0 = value } }
}
