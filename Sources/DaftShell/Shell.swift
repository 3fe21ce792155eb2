// Performs commands at a station: of rank 0's own user, and of clients.

import DaftCommand
import DaftEngine
import DaftLink
import DaftModel
import DaftWire
import Glibc

public struct Shell: Performer {
    let station: Station
    let console: Console
    private static let longestTextBytes = 200
    private let clientContext: ClientContext
    /// Whether to report where staged data remains: the system ends with this program.
    private let reportsStagedDirectory: Bool

    private var interruption: Interruption { console.interruption }

    public init(
        _ console: Console, at station: Station, _ clientContext: ClientContext = ClientContext(),
        reportsStagedDirectory: Bool = true
    ) {
        self.station = station
        self.console = console
        self.clientContext = clientContext
        self.reportsStagedDirectory = reportsStagedDirectory
    }

    /// Performs a client's command; returns its exit status.
    public func perform(_ commandText: CommandText, at origin: CommandOrigin) async -> Int32 {
        do throws(CommandError) {
            let command = try Command(commandText, in: clientContext.base)
            return await perform(command, commandText, at: origin, in: clientContext.base)
        } catch {
            await console.show(.failed(error.failure), of: nil, at: origin)
            return error.failure.exitStatus
        }
    }

    /// Serves until the system is asked to end; returns the exit status. After a signal it continues for the grace
    /// period, for clients that still collect results.
    public func serve(graceSeconds: UInt32 = 0) async -> Int32 {
        await console.writeMessage(
            "serving \(counted(station.members.count, "data server")) until `daft quit` or a signal")
        if graceSeconds > 0 { interruption.ignoreFurtherTerms() }
        await interruption.cancelling({ [station] _ in
            station.loop.start {
                await station.loop.sleep(milliseconds: Int(graceSeconds) * 1_000)
                station.ending.set()
            }
        }) { await station.ending.wait() }
        if let loss = station.loss {
            await console.writeMessage("\(loss)")
            return loss.exitStatus
        }
        return interruption.exitStatus ?? 0
    }

    public func entries(in name: Name, atMost limit: Int) throws(Failure) -> [CompletionEntry]? {
        try station.entries(in: name, atMost: limit)?.map {
            CompletionEntry(name: $0.name, isDirectory: $0.entry.isDirectory)
        }
    }

    public func perform(
        _ command: Command, _ commandText: CommandText, at origin: CommandOrigin, in base: Name
    ) async -> Int32 {
        guard let verb = command.verb else { return 0 }
        let begun = ContinuousClock.now
        var clientContext = clientContext
        clientContext.base = base
        let session = Session(at: station, clientContext, limit: command.limit)
        let progress = ProgressLine(verb, session.commandProgress, console, on: station.loop, at: origin)
        let shown = commandText.line(longestBytes: Shell.longestTextBytes)
        let underWay = verb == .status ? nil : station.underWay.begin(shown, session.commandProgress)
        defer { if let underWay { station.underWay.end(underWay) } }
        station.note(.info, "command.begin", ["command": DaftModel.shown(shown)])
        let task = station.loop.start { await carryOut(command, session) }
        progress.begin()
        var report = await interruption.cancelling({ [interruption] _ in
            if !command.isDone(byEndOf: interruption) { task.cancel() }
        }) { await task.value }
        await progress.end()
        logEnd(of: verb, report, took: .now - begun)
        let line = summary(
            of: report, command, took: .now - begun, console.style, isLog: console.columns == nil)
        if interruption.signal != nil || console.outputState == .gone {
            report.failures.removeAll { $0.kind == .stopped }
        }
        let wasStopped = interruption.signal != nil && !command.isDone(byEndOf: interruption)
        // A stopped command has not done what the summary would report.
        if let line, console.style.json || !console.style.quiet && !wasStopped { await console.put(line) }
        if let failure = console.outputState.failure { report.failures.append(failure) }
        await console.show(report, of: verb, at: origin)
        let hasCome = report.files > 0 || session.commandProgress.now.progress.bytes > 0
        let remains = reportsStagedDirectory && verb.stages && hasCome ? whatStays : nil
        // The command that ends the system is not interrupted by that.
        if command != .quit, wasStopped, let status = interruption.exitStatus {
            // A watch ends only by interruption.
            if case .status(_?) = command { return status }
            let advice = command.canGoOn ? "; run it again to go on" : ""
            let rest = remains.map { "; " + $0 } ?? ""
            await console.writeMessage(origin.prefix(verb) + "\(interruption.reason)\(rest)\(advice)")
            return status
        }
        if report.exitStatus != 0, let remains, !console.style.quiet {
            await console.writeMessage(origin.prefix(verb) + remains)
        }
        return report.exitStatus
    }
}

extension Shell {
    /// What an unfinished staging leaves on the nodes, and where.
    private var whatStays: String {
        let hosts = Dictionary(grouping: station.members, by: \.store.path).mapValues { $0.map(\.store.host) }
        let places = hosts.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map { path, hosts in
            shown(path) + " on " + (hosts.count > 4 ? "\(hosts.count) nodes" : hosts.joined(separator: " "))
        }
        let first = places.prefix(4).joined(separator: ", ")
        let rest = places.count > 4 ? " and \(places.count - 4) more places" : ""
        return "what came so far stays in \(first)\(rest)"
    }

    private func logEnd(of verb: Verb, _ report: Report, took time: Duration) {
        station.note(report.warnings, .warning, in: verb.rawValue)
        station.note(report.failures, .error, in: verb.rawValue)
        station.note(
            .info, "command.end",
            [
                "command": verb.rawValue, "status": "\(report.exitStatus)", "ms": "\(Int64(time / .milliseconds(1)))",
                "files": "\(report.files)", "bytes": "\(report.bytes)", "moved": "\(report.moved)",
            ])
    }
}

extension WriteOutcome {
    /// A closed pipe is no failure.
    fileprivate var failure: Failure? {
        guard case .failed(let code) = self else { return nil }
        return Failure(.failed, [], "standard output: \(String(cString: strerror(code)))")
    }
}

extension Verb {
    /// Whether the command leaves files in stores.
    fileprivate var stages: Bool { [.put, .diffuse, .bcast, .fetch].contains(self) }
}

extension Command {
    /// A `leave` issued at the leaving data server: the server's end is the expected result.
    fileprivate func isDone(byEndOf interruption: Interruption) -> Bool {
        if case .leave = self { interruption.isEndOfServer } else { false }
    }

    /// Whether a repeated command continues where it was stopped.
    fileprivate var canGoOn: Bool {
        switch self {
        case .put, .diffuse, .bcast, .fetch, .get, .gather, .sbcast: true
        default: false
        }
    }
}
