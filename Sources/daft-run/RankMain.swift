// One rank of a job: what it is, what it opens, and how all end together.
//
//   1. Parameters of Open MPI that the user has not chosen are chosen, then MPI is initialised.
//   2. Every rank opens what it needs; all learn whether all could, and if not, rank 0 says who could not and why.
//   3. The data servers join; rank 0 runs the commands, or stays for those of clients; the others serve.
//   4. Rank 0 tells the others that it is over; stores are closed, and all leave MPI together.

import DaftCommand
import DaftDoor
import DaftEngine
import DaftLink
import DaftModel
import DaftMPI
import DaftShell
import DaftWire
import Glibc
import Synchronization

let clusterProgram = Program(.job, launch: launch)

/// Whether this is the process that speaks for all; known before MPI is initialised.
func isFirstRank() -> Bool {
    for name in ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"] {
        if let rank = getenv(name) { return strcmp(rank, "0") == 0 }
    }
    return true
}

struct RankMain {
    /// Of a hundred nodes without a disk a few are enough to name.
    private static let mostReasons = 3
    private let options: Options
    /// Rank 0 has one.
    private let invocation: Invocation?

    init(_ options: Options, _ invocation: Invocation?) {
        self.options = options
        self.invocation = invocation
    }

    /// The exit status of this rank; the job's is that of rank 0.
    func run() -> Int32 {
        let interruption = invocation == nil ? Interruption.ofProcess() : nil
        defer { withExtendedLifetime(interruption) {} }
        let chosen = MPIParameters.choose()
        do throws(MPIError) {
            let process = try MPIProcess()
            let end = try run(process.world.duplicate(), chosen, interruption)
            if !end.isTogether { process.abandon(end.status) }
            try process.finalize(end.status)
            return end.status
        } catch {
            say("daft: MPI: \(error.reason) (\(error.call))")
            return 1
        }
    }

    private func run(
        _ world: Communicator, _ chosen: [MPIParameter], _ interruption: Interruption?
    ) throws(MPIError) -> RankEnd {
        guard world.size > 1 else {
            say(
                "daft: one process is the metadata server alone: start at least two, as in mpirun -np 2 daft-run …"
                    + RankMain.launchAdvice)
            return RankEnd(status: 2)
        }
        let told = try world.gather(
            invocation.map { clusterProgram.variables() + $0.options.storeVariable } ?? [], limited: true)
        let options = invocation?.options ?? clusterProgram.quietOptions(told: told[0]) ?? options
        let hosts = try world.gather(Array(hostName().utf8), limited: true).map { String(decoding: $0, as: UTF8.self) }
        let loop = MPILoop()
        let link = MPILink(world, on: loop) { peer in hosts[peer] == hosts[world.rank] ? 4 << 20 : 60 << 10 }
        let opened = open(world.rank, hosts, options, link)
        let grounds = try world.gather(opened.ground.encoded).compactMap { try? StorageCheck(decoding: $0) }
        let failures = grounds.flatMap(\.failures)
        guard failures.isEmpty, let station = opened.station else {
            opened.station?.close()
            warn(grounds, options)
            return RankEnd(status: refuse(failures) ?? 0)
        }
        // Where another rank has died, this is a warning that the end is near; in order or not, rank 0 says.
        interruption?.onSignal { station.checkpoint() }
        let beginning = JobStart(hosts: hosts, grounds: grounds, chosen: chosen)
        let watch = SilenceWatch(link, hosts) { [self] line in await tell(line) }
        let status = work(station, opened, beginning, on: loop, link, watch, orphanSeconds: options.orphanSeconds)
        station.close()
        invocation?.console.close()
        return RankEnd(status: status, isTogether: link.gone.isEmpty)
    }

    /// This rank's loop, until somebody ends it: its status.
    private func work(
        _ station: Station, _ opened: OpenedRank, _ beginning: JobStart, on loop: MPILoop, _ link: MPILink,
        _ watch: SilenceWatch, orphanSeconds: UInt32?
    ) -> Int32 {
        let status = Mutex<Int32>(0)
        let stopped = StoppedLoop(loop, link, opened.service)
        watch.begin(orphanSeconds: orphanSeconds) {
            status.withLock { $0 = Failure.Kind.unreachable.exitStatus }
            await stopped.now()
        }
        link.onEnd { loop.start { await stopped.now() } }
        loop.start { [self] in
            if let ended = await perform(station, opened, beginning) {
                status.withLock { $0 = ended }
                await stopped.afterTelling()
            }
        }
        loop.run()
        return status.withLock { $0 }
    }

    private func open(_ rank: Int, _ hosts: [String], _ options: Options, _ link: MPILink) -> OpenedRank {
        var settings = Settings(host: hosts[rank])
        settings.chunkSize = options.chunkSize
        settings.compression = options.compression
        settings.durable = options.durable ?? false
        settings.traces = options.trace != nil
        if let name = options.value("--system") { settings.nameSystem(name) }
        settings.expectedServers = hosts.count - 1
        let place = hosts[1..<max(1, rank)].count { $0 == hosts[rank] }
        var opened = OpenedRank(ground: StorageCheck(settings))
        do throws(Failure) {
            settings.group = try options.sharers()
            settings.log = try options.log(of: rank, on: hosts[rank])
            if rank == 0 {
                opened.trace = try options.traceFile()
                settings.catalogue = try options.catalogueFile()
            } else {
                settings.store = options.storeDirectory(place: place)
            }
            // Before the store is made: what it lies on may be why that fails.
            opened.ground = StorageCheck(settings)
            let station = try Station(settings, link: link)
            opened.station = station
            opened.ground = opened.ground.warning(station.warning)
            opened.service = try service(rank, options, place: place)
        } catch {
            opened.ground = opened.ground.failing(error.at(hosts[rank]))
        }
        return opened
    }

    /// What serves this rank's clients, if there are to be any.
    private func service(_ rank: Int, _ options: Options, place: Int) throws(Failure) -> (any Service)? {
        guard options.isServe else { return nil }
        let directory = rank == 0 ? options.metadataDirectory : options.doorDirectory(place: place)
        return try CommandService(in: directory, group: options.sharers())
    }

    /// Nil where this rank serves until it is told to end.
    private func perform(_ station: Station, _ opened: OpenedRank, _ beginning: JobStart) async -> Int32? {
        let warnings: [Failure]
        do throws(Failure) { warnings = try await station.start() } catch { return refuse([error]) }
        guard let invocation else {
            do throws(Failure) { try await opened.service?.start(at: station) } catch { return refuse([error]) }
            await station.lost.wait()
            // Its process stays: to end alone would end the whole job.
            if let loss = station.loss { await tell("\(loss)") }
            return nil
        }
        // A name that clashed, or what somebody has changed in a store, is a warning; a data server that is not there
        // is none.
        let fatal = warnings.filter { $0.kind != .taken && $0.kind != .changed }
        if !fatal.isEmpty { return refuse(fatal) }
        for warning in warnings { await invocation.console.say("warning: \(warning)") }
        warn(beginning.grounds, invocation.options)
        if !invocation.options.quiet, let lacking = lackingServer(beginning.hosts) {
            await invocation.console.say(lacking)
        }
        await invocation.console.sayIfVerbose("rank 0 on \(beginning.hosts[0]): metadata server")
        for member in station.members {
            await invocation.console.sayIfVerbose(
                "\(member.rank) on \(member.store.host): data server, store \(shown(member.store.path))")
        }
        for parameter in beginning.chosen {
            await invocation.console.sayIfVerbose("Open MPI: \(parameter.description)")
        }
        let shell = Shell(invocation.console, at: station)
        do throws(Failure) { try await opened.service?.start(at: station) } catch { return refuse([error]) }
        let grace = invocation.options.graceSeconds ?? 0
        let status =
            opened.service == nil ? await invocation.run(shell) : await shell.serve(graceSeconds: grace)
        return await invocation.write(opened.trace, of: station, status: status)
    }

    /// Who starts as many ranks as there are nodes has one node without a data server.
    private func lackingServer(_ hosts: [String]) -> String? {
        if hosts.dropFirst().contains(hosts[0]) { return nil }
        return "warning: \(hosts[0]) has the metadata server and no data server, so no files are staged there; "
            + "for that start one rank more, as its second" + RankMain.launchAdvice
    }

    /// In a job nobody needs to count ranks.
    private static var launchAdvice: String {
        BatchSystem.ofThisJob == nil ? "" : ", or let daft-run --launch start them all"
    }

    /// Rank 0 says where stores lie on what is no local disk.
    private func warn(_ grounds: [StorageCheck], _ options: Options) {
        if options.quiet { return }
        let isChosen = options.store != nil
        let wrong = grounds.flatMap { $0.warnings(isChosen: isChosen && !options.verbose) }
        for warning in wrong.prefix(RankMain.mostReasons) { say("daft: warning: \(warning)") }
        let rest = wrong.dropFirst(RankMain.mostReasons)
        if !rest.isEmpty { say("daft: warning: the same on \(rest.count) more") }
    }

    /// Rank 0 says why there is no system; the status is that of the first reason. The others wait to be told.
    private func refuse(_ failures: [Failure]) -> Int32? {
        guard invocation != nil else { return nil }
        var said: Set<Failure> = []
        let different = failures.filter { said.insert($0).inserted }
        for failure in different.prefix(RankMain.mostReasons) { say("daft: \(failure)") }
        let rest = different.dropFirst(RankMain.mostReasons)
        if !rest.isEmpty { say("daft: and \(rest.count) more") }
        return failures.first?.exitStatus ?? 1
    }

    /// From any rank.
    private func tell(_ line: String) async {
        if let invocation { await invocation.console.say(line) } else { write("daft: \(line)") }
    }

    private func say(_ line: String) {
        if invocation != nil { write(line) }
    }

    private func write(_ line: String) {
        let text = Array("\(line)\n".utf8)
        _ = Glibc.write(STDERR_FILENO, text, text.count)
    }
}

/// What the ranks know of one another before they work, and what this one has chosen of MPI.
private struct JobStart: Sendable {
    let hosts: [String]
    let grounds: [StorageCheck]
    let chosen: [MPIParameter]
}

/// What a rank has open; without a station, or with a failure in its ground, it cannot take part.
private struct OpenedRank {
    var station: Station?
    var service: (any Service)?
    /// Rank 0's.
    var trace: TraceFile?
    var ground: StorageCheck
}

/// How a rank's part ended.
private struct RankEnd {
    let status: Int32
    /// Nobody is missing: all leave MPI together.
    var isTogether = true
}

/// Ends a rank's loop.
private struct StoppedLoop: Sendable {
    private static let patienceMilliseconds = 2_000
    private let loop: MPILoop
    private let link: MPILink
    private let service: (any Service)?

    init(_ loop: MPILoop, _ link: MPILink, _ service: (any Service)?) {
        self.loop = loop
        self.link = link
        self.service = service
    }

    /// What this rank's clients still wait for will not come: their commands end by that.
    func now() async {
        link.close()
        await service?.stop()
        loop.stop()
    }

    /// Rank 0: everybody else hears it first.
    func afterTelling() async {
        await service?.stop()
        await link.callRoll()
        link.endAll()
        let deadline = loop.deadline(inMilliseconds: StoppedLoop.patienceMilliseconds)
        repeat { await loop.sleep(milliseconds: 1) } while !link.isQuiet && loop.now < deadline
        loop.stop()
    }
}
