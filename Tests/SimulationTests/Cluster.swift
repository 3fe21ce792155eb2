// A whole system in one process: a metadata server and data servers over the memory link in simulated time, each with
// its own directories. Ranks die like processes and restart from what is on their disks.

import DaftEngine
import DaftLink
import DaftModel
import DaftStore
import Foundation
import Glibc
import Synchronization
import TestDisk

/// The configuration of a simulated cluster.
struct Layout {
    var dataServers = 2
    var isDurable = false
    /// The metadata server has a node of its own instead of sharing the first data server's.
    var isApart = false
    var longestDelayMicroseconds: UInt64 = 2_000
    /// Copies made by put and diffuse.
    var copies = 1
    /// Worker threads of each rank.
    var workers = 2
    /// The longest duration of a disk change.
    var longestPauseMicroseconds: UInt64 = 200
}

/// One rank: its directories and, while it is alive, its station.
final class SimulatedRank {
    let rank: Rank
    let host: String
    let home: String
    var disk: SimulatedDisk?
    var station: Station?
    var loop: SimulatedLoop?
    var workers: SimulatedWorkers?
    var boots = 0
    /// If it died during disk work: a copy of its directory at that moment.
    var copy: String?
    private var copies = 0

    init(_ rank: Rank, host: String, home: String) {
        self.rank = rank
        self.host = host
        self.home = home
    }

    var isAlive: Bool { loop?.isDead == false }
    var directory: String { home + "/store" }
    var databases: String { rank == .metadataServer ? home : directory + "/.daft" }

    func nextCopy() -> String {
        copies += 1
        return "\(home)/copy\(copies)"
    }
}

final class Cluster {
    static let limitMilliseconds = 600_000
    static let limitSteps = 400_000

    let base: String
    let layout: Layout
    let time: SimulatedTime
    let trace: Trace
    let faultModel: FaultModel
    let network: MemoryNetwork
    private(set) var ranks: [SimulatedRank] = []
    private let flaws: Flaws
    private let deaths = Deaths()

    init(_ layout: Layout, seed: UInt64, flaws: Flaws) {
        base = "/tmp/daft-sim-\(UniqueID.random().hex)"
        self.layout = layout
        self.flaws = flaws
        time = SimulatedTime(seed: seed)
        trace = Trace(time)
        faultModel = FaultModel(time, seed: seed ^ 0x77, longestDelayMicroseconds: layout.longestDelayMicroseconds)
        network = MemoryNetwork { [faultModel] from, to in faultModel.passage(from, to) }
        for number in 0...layout.dataServers {
            let host = number == 0 && layout.isApart ? "m" : "n\(max(1, number))"
            let rank = SimulatedRank(Rank(number), host: host, home: "\(base)/r\(number)")
            try? FileManager.default.createDirectory(
                atPath: rank.home + "/graves", withIntermediateDirectories: true)
            if number > 0 { rank.disk = SimulatedDisk(graveyard: rank.home + "/graves", flaws: flaws.disk) }
            ranks.append(rank)
        }
        faultModel.whenDeadly { [deaths, network] rank in
            deaths.add(rank)
            network.kill(rank)
        }
    }

    deinit {
        for rank in ranks {
            rank.loop?.die()
            rank.station?.close()
            rank.workers?.die()
        }
        try? FileManager.default.removeItem(atPath: base)
    }

    var metadataServer: SimulatedRank { ranks[0] }
    var dataServers: ArraySlice<SimulatedRank> { ranks.dropFirst() }
    var areAllAlive: Bool { ranks.allSatisfy(\.isAlive) }

    // MARK: running

    /// Runs until all of these have ended or their ranks died, or until the first death.
    func run(_ endings: [any Ended], orFirstDeath: Bool = false) throws {
        try time.run(limitMilliseconds: Cluster.limitMilliseconds, limitSteps: Cluster.limitSteps) {
            bury()
            return orFirstDeath && !areAllAlive || endings.allSatisfy(\.isOver)
        }
    }

    /// Runs until there is nothing left to do.
    func settle() throws {
        bury()
        try time.settle(limitMilliseconds: Cluster.limitMilliseconds, limitSteps: Cluster.limitSteps)
        bury()
    }

    /// Starts work at a live rank.
    func begin<T: Sendable>(at rank: SimulatedRank, _ body: @escaping @Sendable (Station) async -> T) -> OneShot<T>? {
        guard let loop = rank.loop, let station = rank.station, rank.isAlive else { return nil }
        return OneShot(on: loop) { await body(station) }
    }

    /// The result of work at a rank; nil if the rank died.
    func result<T: Sendable>(
        at rank: SimulatedRank, _ body: @escaping @Sendable (Station) async -> T
    ) throws -> T? {
        guard let ending = begin(at: rank, body) else { return nil }
        try run([ending])
        return ending.value
    }

    // MARK: start and death

    /// Starts every dead rank; returns failures by rank.
    func startDead() throws -> [Rank: Failure] {
        var endings: [(Rank, OneShot<Result<[Failure], Failure>>)] = []
        var failures: [Rank: Failure] = [:]
        for rank in ranks where !rank.isAlive {
            do throws(Failure) {
                let station = try open(rank)
                let loop = rank.loop
                guard let loop else { continue }
                endings.append(
                    (
                        rank.rank,
                        OneShot(on: loop) {
                            do throws(Failure) { return .success(try await station.start()) } catch {
                                return .failure(error)
                            }
                        }
                    ))
            } catch {
                failures[rank.rank] = error
            }
        }
        try run(endings.map(\.1))
        for (rank, ending) in endings {
            switch ending.value {
            case .failure(let failure): failures[rank] = failure
            case .success(let warnings): failures[rank] = warnings.first
            case nil: failures[rank] = Failure(.stopped, [], "it died while it started")
            }
        }
        // A rank that could not join ends, as its process would.
        for rank in ranks where failures[rank.rank] != nil && rank.rank != .metadataServer && rank.isAlive {
            kill(rank)
        }
        return failures
    }

    private func open(_ rank: SimulatedRank) throws(Failure) -> Station {
        let isServer = rank.rank == .metadataServer
        var settings = Settings(
            host: rank.host, store: isServer ? nil : Array(rank.directory.utf8),
            catalogue: isServer ? rank.home + "/catalogue.sqlite" : nil)
        settings.chunkSize = ChunkSize(ChunkSize.smallest) ?? .standard
        settings.durable = layout.isDurable
        settings.copies = .atLeast(layout.copies)
        settings.expectedServers = isServer ? layout.dataServers : 0
        settings.agreementMilliseconds = 5_000
        settings.callMilliseconds = 2_000
        settings.loadMilliseconds = 4_000
        settings.orphanMilliseconds = 10_000
        // Sources never change in a run, so remembering them must not depend on timing.
        settings.sourceMarginMilliseconds = 0
        settings.workerThreads = layout.workers
        let workers = time.makeWorkers(layout, flaws)
        settings.workStarter = { workers.add($0) }
        settings.storeOptions.scheduler = workers
        rank.disk?.workers = workers
        settings.slabBytes = 1 << 20
        settings.storeOptions.bootID = Array("boot \(flaws.keepsBootID ? 0 : rank.boots)".utf8)
        if let disk = rank.disk { settings.storeOptions.disk = disk }
        let loop = time.makeLoop()
        let link = TracedLink(network.link(rank.rank, on: loop), trace, flaws.tampering)
        do throws(Failure) {
            let station = try Station(settings, link: link)
            (rank.station, rank.loop, rank.workers) = (station, loop, workers)
            return station
        } catch {
            network.kill(rank.rank)
            workers.die()
            throw error
        }
    }

    /// Kills a rank between two of its steps.
    func kill(_ rank: SimulatedRank) {
        deaths.add(rank.rank)
        network.kill(rank.rank)
        bury()
    }

    /// Kills a rank at its n-th disk change from now.
    func doom(_ rank: SimulatedRank, afterChanges count: Int) {
        let copy = rank.nextCopy()
        let (number, directory) = (rank.rank, rank.directory)
        rank.disk?.doom(afterChanges: count) { [deaths, network] in
            _ = Glibc.system("cp -a \(directory) \(copy)")
            deaths.add(number, copy: copy)
            network.kill(number)
        }
    }

    /// Cuts the power of a rank's node: unsynced data may be lost.
    func losePower(_ rank: SimulatedRank, _ random: inout Sequence64) {
        if rank.isAlive { kill(rank) }
        rank.disk?.powerLoss(using: &random)
        rank.boots += 1
    }

    /// Destroys a rank's node with its disk; its successor starts empty.
    func destroy(_ rank: SimulatedRank) {
        if rank.isAlive { kill(rank) }
        try? FileManager.default.removeItem(atPath: rank.directory)
        rank.disk = SimulatedDisk(graveyard: rank.home + "/graves", flaws: flaws.disk)
    }

    /// Partitions a rank for a while.
    func cutOff(_ rank: SimulatedRank, afterMilliseconds start: Int, forMilliseconds length: Int) {
        let (number, now) = (rank.rank, time.now)
        for (moment, isCut) in [(start, true), (start + length, false)] {
            _ = time.alarm(at: now + Nanoseconds(moment) * 1_000_000) { [network, trace] in
                trace.note("\(number) is \(isCut ? "cut off" : "heard again")")
                if isCut { network.cut(number) } else { network.mend(number) }
            }
        }
    }

    /// Removes dead ranks; their disks stay as they were at death.
    private func bury() {
        for (number, copy) in deaths.taken() {
            let rank = ranks[number.number]
            guard rank.isAlive else { continue }
            trace.note("\(number) dies")
            rank.loop?.die()
            rank.disk?.doom(afterChanges: nil)
            if let copy {
                rank.station?.close()
                rank.workers?.die()
                try? FileManager.default.moveItem(atPath: rank.directory, toPath: copy + "-dead")
                try? FileManager.default.moveItem(atPath: copy, toPath: rank.directory)
                rank.disk = SimulatedDisk(graveyard: rank.home + "/graves", flaws: flaws.disk)
            } else {
                withDatabasesKept(in: rank.databases) {
                    rank.station?.close()
                    rank.workers?.die()
                }
            }
            (rank.station, rank.workers) = (nil, nil)
        }
    }
}

/// A closing station settles its databases, a dying one must not: restore them afterwards.
private func withDatabasesKept(in directory: String, _ body: () -> Void) {
    let files = FileManager.default
    func databases() -> [String] {
        ((try? files.contentsOfDirectory(atPath: directory)) ?? []).filter { $0.contains(".sqlite") }
    }
    let kept = databases().map { ($0, files.contents(atPath: "\(directory)/\($0)")) }
    body()
    for name in databases() { try? files.removeItem(atPath: "\(directory)/\(name)") }
    for (name, bytes) in kept where !name.hasSuffix("-shm") {
        _ = files.createFile(atPath: "\(directory)/\(name)", contents: bytes)
    }
}

/// Ranks that died in the middle of a step, to be removed after it.
private final class Deaths: Sendable {
    private let dead = Mutex<[(Rank, copy: String?)]>([])

    func add(_ rank: Rank, copy: String? = nil) { dead.withLock { $0.append((rank, copy)) } }

    func taken() -> [(Rank, copy: String?)] {
        dead.withLock { dead in
            defer { dead = [] }
            return dead
        }
    }
}

protocol Ended { var isOver: Bool { get } }

/// Work at a rank, and its result.
final class OneShot<T: Sendable>: Ended, Sendable {
    private struct State {
        var value: T?
        var work: Task<Void, Never>?
        var wasStopped = false
    }

    private let loop: SimulatedLoop
    private let state = Mutex(State())

    init(on loop: SimulatedLoop, _ body: @escaping @Sendable () async -> T) {
        self.loop = loop
        let work = loop.start { [self] in
            let value = await body()
            state.withLock { $0.value = value }
        }
        state.withLock { $0.work = work }
    }

    var value: T? { state.withLock { $0.value } }
    var isOver: Bool { loop.isDead || value != nil }
    var wasStopped: Bool { state.withLock { $0.wasStopped } }

    /// Cancels it, as with Ctrl-C.
    func stop(afterMilliseconds milliseconds: Int) {
        _ = loop.alarm(at: loop.deadline(inMilliseconds: milliseconds)) { [self] in
            let work = state.withLock { state in
                state.wasStopped = state.value == nil
                return state.work
            }
            work?.cancel()
        }
    }
}
