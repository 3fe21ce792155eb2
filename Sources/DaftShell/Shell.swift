// Runs commands at a station: those of the program's arguments, of a job file, of standard input, of a prompt.
//
// A command that fails does not stop the ones after it. The exit status is that of the first that failed; at a prompt,
// where everything has been seen, it is 0. A signal ends the running command, and with it a job file; at a prompt
// Ctrl-C ends the command alone.

import DaftCore
import DaftEngine
import DaftLink
import Glibc

public struct Shell: Sendable {
    let station: Station
    let console: Console
    let work: Work
    let table: OptionTable

    private var interruption: Interruption { console.interruption }

    public init(_ invocation: Invocation, at station: Station) {
        self.station = station
        console = invocation.console
        work = invocation.work
        table = invocation.table
    }

    /// Runs what the program was started for; its exit status.
    public func run() async -> Int32 {
        switch work {
        case .command(let command): await run(command, at: .arguments)
        case .lines(let lines): lines.isTerminal ? await prompt(lines) : await run(lines)
        }
    }

    /// Runs one line; nil where it says that all is to end.
    func run(line: [UInt8], at origin: Origin) async -> Int32? {
        do throws(CommandError) {
            let command = try Command(line: line)
            return command == .quit ? nil : await run(command, at: origin)
        } catch {
            await console.tell(.failed(error.failure), of: nil, at: origin)
            return error.failure.exitStatus
        }
    }

    private func run(_ lines: Lines) async -> Int32 {
        var status: Int32 = 0
        while true {
            let next = await console.run { [wake = interruption.wake] in lines.next(until: wake) }
            switch next {
            case .line(let line):
                let origin = Origin(place: "\(lines.title):\(lines.number)")
                guard let ended = await run(line: line, at: origin) else { return status }
                if let signalled = interruption.exitStatus { return signalled }
                if status == 0 { status = ended }
            case .end: return status
            case .interrupted: return interruption.exitStatus ?? status
            case .failed(let failure):
                await console.tell(.failed(failure), of: nil, at: .arguments)
                return status == 0 ? failure.exitStatus : status
            }
        }
    }

    private func prompt(_ lines: Lines) async -> Int32 {
        while true {
            await console.ask("daft> ")
            let next = await console.run { [wake = interruption.wake] in lines.next(until: wake) }
            switch next {
            case .line(let line):
                if await run(line: line, at: .arguments) == nil { return 0 }
            case .end:
                await console.ask("\n")
                return 0
            case .interrupted:
                lines.forgetLine()
                await console.ask("\n")
            case .failed(let failure):
                await console.tell(.failed(failure), of: nil, at: .arguments)
                return failure.exitStatus
            }
            if let status = interruption.exitStatus, !interruption.isForOneCommand { return status }
            interruption.forget()
        }
    }

    /// Runs one command to its end; its exit status.
    func run(_ command: Command, at origin: Origin) async -> Int32 {
        guard let verb = command.verb else { return 0 }
        if case .shell(let line) = command { return await runLocally(line, at: origin) }
        let begun = ContinuousClock.now
        let progress = ProgressLine(verb.rawValue, console, on: station.loop)
        let session = Session(at: station, watch: progress.watch)
        let task = station.loop.start { await carryOut(command, session) }
        progress.begin()
        var report = await interruption.cancelling({ _ in task.cancel() }) { await task.value }
        await progress.end()
        let line = summary(of: report, command, took: .now - begun, json: console.style.json)
        if interruption.signal != nil || console.outputState == .gone {
            report.failures.removeAll { $0.kind == .stopped }
        }
        if let line, console.style.json || !console.style.quiet { await console.put(line) }
        if let failure = console.outputState.failure { report.failures.append(failure) }
        await console.tell(report, of: verb, at: origin)
        if let status = interruption.exitStatus {
            let advice = command.canGoOn ? "; run it again to go on" : ""
            await console.say(origin.prefix(verb) + "stopped by \(interruption.word)\(advice)")
            return status
        }
        return report.exitStatus
    }

    private func runLocally(_ line: [UInt8], at origin: Origin) async -> Int32 {
        var report = Report()
        do throws(Failure) {
            let process = try LocalCommand.start(line, keepsInput: work.isTyped)
            // From a terminal the command gets a SIGINT itself.
            let end: @Sendable (Int32) -> Void = { [isTyped = work.isTyped] signal in
                if !isTyped { kill(-process, signal) } else if signal != SIGINT { kill(process, signal) }
            }
            let failure = await interruption.cancelling(end) {
                await console.run { LocalCommand.finish(process) }
            }
            if let failure { report.failures = [failure] }
        } catch {
            report.failures = [error]
        }
        await console.tell(report, of: .shell, at: origin)
        return interruption.exitStatus ?? report.exitStatus
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
    /// What it did before it was stopped need not be done again.
    fileprivate var canGoOn: Bool {
        switch self {
        case .put, .diffuse, .bcast, .fetch, .get: true
        default: false
        }
    }

    var verb: Verb? {
        switch self {
        case .put: .put
        case .diffuse: .diffuse
        case .bcast: .bcast
        case .fetch: .fetch
        case .get: .get
        case .cat: .cat
        case .ls: .ls
        case .stat: .stat
        case .tree: .tree
        case .verify: .verify
        case .status: .status
        case .help: .help
        case .shell: .shell
        case .nothing: nil
        case .quit: .quit
        }
    }
}
