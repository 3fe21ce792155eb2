// One rank of a workstation system in its own process: what it opens, and how it ends.
//
//   1. It opens its store or catalogue and listens. A data server first finds a reachable address of the metadata
//      server.
//   2. The metadata server reports at once, because the data servers need its port; a data server reports when it has
//      joined.
//   3. It then detaches and serves clients at its door.
//   4. It ends when the metadata server asks for it, because the system ends or the data server has left, or by a
//      signal. A data server without a metadata server waits for one, with a timeout.

import DaftDoor
import DaftEngine
import DaftLaunch
import DaftLink
import DaftModel
import DaftShell
import DaftWire
import DaftZMQ
import Glibc
import Synchronization

func runNode(_ order: NodeOrder, _ reporter: NodeReporter) -> Int32 {
    let interruption = Interruption.ofProcess()
    allowManyFiles()
    do throws(Failure) {
        if let report = try reportOfRunning(order) {
            reporter.send(.ready(report))
            return 0
        }
        return try node(order, reporter, interruption).run()
    } catch {
        reporter.send(.failed(error.at(order.host)))
        return 1
    }
}

/// A previous process may be about to end: wait a little for its files.
private func node(
    _ order: NodeOrder, _ reporter: NodeReporter, _ interruption: Interruption
) throws(Failure) -> Node {
    let deadline = monotonicNow() + 3_000_000_000
    while true {
        do throws(Failure) {
            return try Node(order, reporter, interruption)
        } catch {
            guard error.kind == .locked, monotonicNow() < deadline else { throw error }
            usleep(50_000)
        }
    }
}

private final class Node: Sendable {
    private static let joiningMilliseconds = 10_000
    private static let agreementMilliseconds = 5_000
    /// Time to send the last messages.
    private static let leavingMilliseconds = 200

    private let order: NodeOrder
    private let reporter: NodeReporter
    private let paths: NodePaths
    private let interruption: Interruption
    private let loop = ZMQLoop()
    private let link: ZMQLink
    private let station: Station
    private let service: any Service
    private let end = Event()
    private let why = Mutex("")

    private var isMetadataServer: Bool { order.rank == .metadataServer }

    init(_ order: NodeOrder, _ reporter: NodeReporter, _ interruption: Interruption) throws(Failure) {
        self.order = order
        self.reporter = reporter
        self.interruption = interruption
        paths = try NodePaths(order)
        var part = ZMQLink.Part(rank: order.rank, keys: order.system)
        (part.encrypts, part.ports) = (order.encrypts, order.ports)
        if order.rank == .metadataServer {
            part.port = order.port
        } else {
            part.metadataServer = (try reachable(order.metadataServer, port: order.port), order.port)
        }
        let settings = try paths.settings(agreementMilliseconds: Node.agreementMilliseconds)
        link = try ZMQLink(part, on: loop)
        do throws(Failure) {
            station = try Station(settings, link: link)
            service = try CommandService(in: paths.door, group: paths.group)
        } catch {
            link.disconnect()
            throw error
        }
    }

    /// Runs on the calling thread until the process ends.
    func run() throws(Failure) -> Int32 {
        try paths.note(order, port: link.talkPort)
        interruption.onSignal { [self] in wish("a signal") }
        link.onOrphaned(afterSeconds: Int(order.orphanSeconds)) { [self] in
            wish("nothing was heard of the metadata server for \(order.orphanSeconds) s")
        }
        let status = Mutex<Int32>(0)
        loop.start { [self] in
            do throws(Failure) {
                try await serve()
            } catch {
                reporter.send(.failed(error.at(order.host)))
                station.note(error, .error, in: "node")
                status.withLock { $0 = 1 }
            }
            await leave()
            loop.stop()
        }
        loop.run()
        station.close()
        link.disconnect()
        paths.forget()
        return status.withLock { $0 }
    }

    private func wish(_ reason: String) {
        why.withLock { $0 = $0.isEmpty ? reason : $0 }
        end.set()
    }

    private func serve() async throws(Failure) {
        let known = station.warning.map { [$0] } ?? []
        if isMetadataServer {
            report(known)
        } else if await !link.join(timeoutMilliseconds: Node.joiningMilliseconds) {
            throw Failure(.unreachable, [], "the metadata server does not answer; is it another system's by now?")
        }
        let warnings = try await station.start()
        if !isMetadataServer { report(known + warnings) }
        station.note(known + warnings, .warning, in: "start")
        // Only later changes: the present ranks are known.
        link.onChange { [self] rank, presence in logPresence(rank, presence) }
        try await service.start(at: station)
        loop.start { [self] in
            await station.ending.wait()
            wish(isMetadataServer ? "daft quit" : "the metadata server asked for it")
        }
        loop.start { [self] in
            await station.lost.wait()
            wish("its store is gone")
        }
        loop.start { [self] in
            await station.quitting.wait()
            paths.endSystem()
            paths.forget()
        }
        await end.wait()
        if let loss = station.loss { throw loss }
    }

    /// The metadata server logs membership by itself.
    private func logPresence(_ rank: Rank, _ presence: Presence) {
        if isMetadataServer || rank != .metadataServer { return }
        station.note(presence == .gone ? .warning : .info, "rank.\(presence)", ["rank": "0"])
    }

    private func report(_ warnings: [Failure] = []) {
        var report = NodeReport(pid: UInt32(getpid()), store: isMetadataServer ? [] : paths.store)
        report.port = link.talkPort
        report.warnings = warnings
        // The starter may have gone; the node runs anyway.
        reporter.send(.ready(report))
        reporter.leave(log: paths.log)
        station.note(.info, "node", ["port": "\(link.talkPort)", "pid": "\(getpid())"])
    }

    private func leave() async {
        station.note(.info, "node.end", ["why": why.withLock { $0 }])
        await service.stop()
        if !isMetadataServer {
            link.leave()
        }
        await loop.sleep(milliseconds: Node.leavingMilliseconds)
        link.close()
    }
}
