// Performs commands at a station: those of rank 0's own user, and those of clients at a door.

import DaftCore
import DaftEngine
import DaftLink
import Glibc

public struct Shell: Performer {
    let station: Station
    let console: Console
    private static let longestWordingBytes = 200
    private let directory: [UInt8]?
    private let umask: UInt16

    private var interruption: Interruption { console.interruption }

    /// Relative paths are taken from `directory`, else from where this process is.
    public init(
        _ console: Console, at station: Station, in directory: [UInt8]? = nil, umask: UInt16 = Session.ownUmask
    ) {
        self.station = station
        self.console = console
        self.directory = directory
        self.umask = umask
    }

    /// What a client at a door has brought; its exit status.
    public func perform(_ wording: Wording, at origin: Origin) async -> Int32 {
        do throws(CommandError) {
            return await perform(try Command(wording), wording, at: origin)
        } catch {
            await console.tell(.failed(error.failure), of: nil, at: origin)
            return error.failure.exitStatus
        }
    }

    /// Stays until somebody wants the system to end; the exit status.
    /// After a signal it goes on for the grace, for clients that still bring results back.
    public func serve(graceSeconds: UInt32 = 0) async -> Int32 {
        await console.say("serving \(counted(station.members.count, "data server")) until `daft quit` or a signal")
        if graceSeconds > 0 { interruption.endureFurtherTerms() }
        await interruption.cancelling({ [station] _ in
            station.loop.start {
                await station.loop.sleep(milliseconds: Int(graceSeconds) * 1_000)
                station.ending.wish()
            }
        }) { await station.ending.wait() }
        if let loss = station.loss {
            await console.say("\(loss)")
            return loss.exitStatus
        }
        return interruption.exitStatus ?? 0
    }

    public func perform(_ command: Command, _ wording: Wording, at origin: Origin) async -> Int32 {
        guard let verb = command.verb else { return 0 }
        let begun = ContinuousClock.now
        let session = Session(at: station, in: directory, umask: umask)
        let progress = ProgressLine(verb, session.gauge, console, on: station.loop, at: origin)
        let shown = wording.line(longestBytes: Shell.longestWordingBytes)
        let underWay = verb == .status ? nil : station.underWay.begin(shown, session.gauge)
        defer { if let underWay { station.underWay.end(underWay) } }
        station.note(.info, "command.begin", ["command": DaftCore.shown(shown)])
        let task = station.loop.start { await carryOut(command, session) }
        progress.begin()
        var report = await interruption.cancelling({ [interruption] _ in
            if !command.isDone(byEndOf: interruption) { task.cancel() }
        }) { await task.value }
        await progress.end()
        logEnd(of: verb, report, took: .now - begun)
        let line = summary(
            of: report, command, took: .now - begun, console.look, isLog: console.columns == nil)
        if interruption.signal != nil || console.outputState == .gone {
            report.failures.removeAll { $0.kind == .stopped }
        }
        let wasStopped = interruption.signal != nil && !command.isDone(byEndOf: interruption)
        // What was stopped has not done what it would say.
        if let line, console.look.json || !console.look.quiet && !wasStopped { await console.put(line) }
        if let failure = console.outputState.failure { report.failures.append(failure) }
        await console.tell(report, of: verb, at: origin)
        // Whoever asked for the end of everything is not stopped by it.
        if command != .quit, wasStopped, let status = interruption.exitStatus {
            // It has no other end.
            if case .status(_?) = command { return status }
            let advice = command.canGoOn ? "; run it again to go on" : ""
            await console.say(origin.prefix(verb) + "\(interruption.reason)\(advice)")
            return status
        }
        return report.exitStatus
    }
}

extension Shell {
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

extension Written {
    /// A reader that is gone had enough: nothing went wrong.
    fileprivate var failure: Failure? {
        guard case .failed(let code) = self else { return nil }
        return Failure(.failed, [], "standard output: \(String(cString: strerror(code)))")
    }
}

extension Command {
    /// A `leave` that is typed at the data server that leaves: the end of that one is what was asked for, so the
    /// answer is waited for, and counts.
    fileprivate func isDone(byEndOf interruption: Interruption) -> Bool {
        if case .leave = self { interruption.isEndOfServer } else { false }
    }

    /// What it did before it was stopped need not be done again.
    fileprivate var canGoOn: Bool {
        switch self {
        case .put, .diffuse, .bcast, .fetch, .get, .gather, .sbcast: true
        default: false
        }
    }
}
