// One rank of a job: what it opens, and how all ranks end together.
//
//   1. Set Open MPI parameters that the user has not set, then initialise MPI.
//   2. Each rank opens what it needs; if any rank fails, rank 0 says which and why.
//   3. The data servers join and serve; rank 0 runs the commands, or serves clients.
//   4. Rank 0 ends the others; stores are closed, and all finalise MPI together.

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

/// Whether this is rank 0, which alone prints; known before MPI is initialised.
func isFirstRank() -> Bool {
    for name in ["OMPI_COMM_WORLD_RANK", "PMIX_RANK", "SLURM_PROCID"] {
        if let rank = getenv(name) { return strcmp(rank, "0") == 0 }
    }
    return true
}

struct RankMain {
    /// Enough to diagnose a hundred nodes with the same problem.
    private static let mostReasons = 3
    private let options: Options
    /// On rank 0 only.
    private let invocation: Invocation?

    init(_ options: Options, _ invocation: Invocation?) {
        self.options = options
        self.invocation = invocation
    }

    /// The exit status of this rank; the job's is rank 0's.
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
            writeOnRank0("daft: MPI: \(error.reason) (\(error.call))")
            return 1
        }
    }

    private func run(
        _ world: Communicator, _ chosen: [MPIParameter], _ interruption: Interruption?
    ) throws(MPIError) -> RankEnd {
        guard world.size > 1 else {
            writeOnRank0(
                "daft: one process is the metadata server alone: start at least two, as in mpirun -np 2 daft-run …"
                    + RankMain.launchAdvice)
            return RankEnd(status: 2)
        }
        let variables = try world.gather(
            invocation.map { clusterProgram.variables() + $0.options.storeVariable } ?? [], limited: true)
        let options = invocation?.options ?? clusterProgram.quietOptions(rank0Variables: variables[0]) ?? options
        let hosts = try world.gather(Array(hostName().utf8), limited: true).map { String(decoding: $0, as: UTF8.self) }
        let loop = MPILoop()
        let link = MPILink(world, on: loop) { peer in hosts[peer] == hosts[world.rank] ? 4 << 20 : 60 << 10 }
        let opened = open(world.rank, hosts, options, link)
        let storageChecks = try zip(hosts, world.gather(opened.storageCheck.encoded)).map { host, bytes in
            let failure = Failure(.malformed, [], node: host, "its rank did not say what its store lies on")
            return StorageCheck(ifDecodable: bytes) ?? opened.storageCheck.failing(failure)
        }
        let failures = storageChecks.flatMap(\.failures)
        guard failures.isEmpty, let station = opened.station else {
            opened.station?.close()
            warn(storageChecks, options)
            return RankEnd(status: refuse(failures) ?? 0)
        }
        // If another rank has died, the job is about to be killed. Rank 0 decides whether it ends in order.
        interruption?.onSignal { station.checkpoint() }
        let beginning = JobStart(hosts: hosts, storageChecks: storageChecks, chosen: chosen)
        let watch = SilenceWatch(link, hosts) { [self] line in await writeMessage(line) }
        let status = work(station, opened, beginning, on: loop, link, watch, orphanSeconds: options.orphanSeconds)
        station.close()
        invocation?.console.close()
        return RankEnd(status: status, isTogether: link.gone.isEmpty)
    }

    /// Runs this rank's loop to its end; returns the status.
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
                await stopped.afterOtherRanks()
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
        let index = hosts[1..<max(1, rank)].count { $0 == hosts[rank] }
        var opened = OpenedRank(storageCheck: StorageCheck(settings))
        do throws(Failure) {
            settings.group = try options.sharers()
            settings.log = try options.log(of: rank, on: hosts[rank])
            if rank == 0 {
                opened.trace = try options.traceFile()
                settings.catalogue = try options.catalogueFile()
            } else {
                settings.store = options.storeDirectory(index: index)
            }
            // Before the store is created, since the filesystem may be why that fails.
            opened.storageCheck = StorageCheck(settings)
            let station = try Station(settings, link: link)
            opened.station = station
            opened.storageCheck = opened.storageCheck.warning(station.warning)
            opened.service = try service(rank, options, index: index)
        } catch {
            opened.storageCheck = opened.storageCheck.failing(error.at(hosts[rank]))
        }
        return opened
    }

    /// The service for this rank's clients, if any are to be served.
    private func service(_ rank: Int, _ options: Options, index: Int) throws(Failure) -> (any Service)? {
        guard options.isServe else { return nil }
        let directory = rank == 0 ? options.metadataDirectory : options.doorDirectory(index: index)
        return try CommandService(in: directory, group: options.sharers())
    }

    /// Nil if this rank serves until it is told to end.
    private func perform(_ station: Station, _ opened: OpenedRank, _ beginning: JobStart) async -> Int32? {
        let warnings: [Failure]
        do throws(Failure) { warnings = try await station.start() } catch { return refuse([error]) }
        guard let invocation else {
            do throws(Failure) { try await opened.service?.start(at: station) } catch { return refuse([error]) }
            await station.lost.wait()
            // The process stays, since its exit would end the whole job.
            if let loss = station.loss { await writeMessage("\(loss)") }
            return nil
        }
        // Conflicting names and changed files in a store are warnings; a data server that failed to join is fatal.
        let fatal = warnings.filter { $0.kind != .taken && $0.kind != .changed }
        if !fatal.isEmpty { return refuse(fatal) }
        for warning in warnings { await invocation.console.writeMessage("warning: \(warning)") }
        warn(beginning.storageChecks, invocation.options)
        if !invocation.options.quiet, let lacking = lackingServer(beginning.hosts) {
            await invocation.console.writeMessage(lacking)
        }
        await invocation.console.writeIfVerbose("rank 0 on \(beginning.hosts[0]): metadata server")
        for member in station.members {
            await invocation.console.writeIfVerbose(
                "\(member.rank) on \(member.store.host): data server, store \(shown(member.store.path))")
        }
        for parameter in beginning.chosen {
            await invocation.console.writeIfVerbose("Open MPI: \(parameter.description)")
        }
        let shell = Shell(invocation.console, at: station)
        do throws(Failure) { try await opened.service?.start(at: station) } catch { return refuse([error]) }
        let grace = invocation.options.graceSeconds ?? 0
        let status =
            opened.service == nil ? await invocation.run(shell) : await shell.serve(graceSeconds: grace)
        return await invocation.write(opened.trace, of: station, status: status)
    }

    /// With as many ranks as nodes, one node has no data server.
    private func lackingServer(_ hosts: [String]) -> String? {
        if hosts.dropFirst().contains(hosts[0]) { return nil }
        return "warning: \(hosts[0]) has the metadata server and no data server, so no files are staged there; "
            + "for that start one rank more, as its second" + RankMain.launchAdvice
    }

    /// In a job, --launch counts the ranks.
    private static var launchAdvice: String {
        BatchSystem.ofThisJob == nil ? "" : ", or let daft-run --launch start them all"
    }

    /// On rank 0: warns of stores on filesystems that are not local disks.
    private func warn(_ storageChecks: [StorageCheck], _ options: Options) {
        if options.quiet { return }
        let isChosen = options.store != nil
        let wrong = storageChecks.flatMap { $0.warnings(isChosen: isChosen && !options.verbose) }
        for warning in wrong.prefix(RankMain.mostReasons) { writeOnRank0("daft: warning: \(warning)") }
        let rest = wrong.dropFirst(RankMain.mostReasons)
        if !rest.isEmpty { writeOnRank0("daft: warning: the same on \(rest.count) more") }
    }

    /// On rank 0: says why there is no system; the first reason determines the status. Other ranks wait for their end.
    private func refuse(_ failures: [Failure]) -> Int32? {
        guard invocation != nil else { return nil }
        var seen: Set<Failure> = []
        let different = failures.filter { seen.insert($0).inserted }
        for failure in different.prefix(RankMain.mostReasons) { writeOnRank0("daft: \(failure)") }
        let rest = different.dropFirst(RankMain.mostReasons)
        if !rest.isEmpty { writeOnRank0("daft: and \(rest.count) more") }
        return failures.first?.exitStatus ?? 1
    }

    /// Works on any rank.
    private func writeMessage(_ line: String) async {
        if let invocation { await invocation.console.writeMessage(line) } else { write("daft: \(line)") }
    }

    private func writeOnRank0(_ line: String) {
        if invocation != nil { write(line) }
    }

    private func write(_ line: String) {
        let text = Array("\(line)\n".utf8)
        _ = Glibc.write(STDERR_FILENO, text, text.count)
    }
}

/// What ranks exchange before they work, and the MPI parameters set here.
private struct JobStart: Sendable {
    let hosts: [String]
    let storageChecks: [StorageCheck]
    let chosen: [MPIParameter]
}

/// What a rank has opened; without a station, or with a failure in `storageCheck`, it cannot take part.
private struct OpenedRank {
    var station: Station?
    var service: (any Service)?
    /// On rank 0 only.
    var trace: TraceFile?
    var storageCheck: StorageCheck
}

/// How a rank's work ended.
private struct RankEnd {
    let status: Int32
    /// No rank is missing, so all finalise MPI together.
    var isTogether = true
}

/// Stops a rank's loop.
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

    /// Closing the link fails pending requests, and so ends the clients' commands.
    func now() async {
        link.close()
        await service?.stop()
        loop.stop()
    }

    /// On rank 0: ends the other ranks first.
    func afterOtherRanks() async {
        await service?.stop()
        await link.awaitFarewells()
        link.endAll()
        let deadline = loop.deadline(inMilliseconds: StoppedLoop.patienceMilliseconds)
        repeat { await loop.sleep(milliseconds: 1) } while !link.isQuiet && loop.now < deadline
        loop.stop()
    }
}
