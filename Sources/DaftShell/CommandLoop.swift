// Runs a program's commands: one command, a job file, standard input, or a prompt. Local commands (help, cd, `!`) run
// here; all others go to a performer: a station of this process, or a door.
//
// A failed command does not stop later ones. The exit status is that of the first failure; at a prompt it is 0. A
// signal ends the running command and the job file; at a prompt Ctrl-C ends only the command.

import DaftCommand
import DaftEngine
import DaftModel
import Glibc
import Synchronization

public protocol Performer: Sendable {
    /// Performs a command to its end; returns its exit status. Relative names are below `base`.
    func perform(_ command: Command, _ commandText: CommandText, at origin: CommandOrigin, in base: Name) async -> Int32

    /// Some entries directly below a name; nil if it is no directory. Blocks.
    func entries(in name: Name, atMost limit: Int) throws(Failure) -> [CompletionEntry]?

    /// Whether the system continues when this program ends.
    var isClient: Bool { get }

    /// A question to ask at a prompt before the system is ended; nil: none.
    func questionBeforeQuit() async -> String?
}

public struct CompletionEntry: Sendable {
    public let name: Name
    public let isDirectory: Bool

    public init(name: Name, isDirectory: Bool) { (self.name, self.isDirectory) = (name, isDirectory) }
}

extension Performer {
    public var isClient: Bool { false }
    public func questionBeforeQuit() async -> String? { nil }
}

extension Invocation {
    /// The exit status of the program.
    public func run(_ performer: any Performer) async -> Int32 {
        let loop = CommandLoop(performer: performer, console: console, work: work, table: table)
        switch work {
        case .command(let command, let words): return await loop.run(command, .arguments(words), at: .arguments)
        case .lines(let lines): return lines.isTerminal ? await loop.prompt(lines) : await loop.run(lines)
        case .serve, .own: return 0
        }
    }
}

private final class CommandLoop: Sendable {
    let performer: any Performer
    let console: Console
    let work: Work
    let table: OptionTable
    /// The current name, set by `cd`.
    private let base = Mutex(Name.root)

    private var interruption: Interruption { console.interruption }

    init(performer: any Performer, console: Console, work: Work, table: OptionTable) {
        (self.performer, self.console, self.work, self.table) = (performer, console, work, table)
    }

    func run(_ command: Command, _ commandText: CommandText, at origin: CommandOrigin) async -> Int32 {
        switch command {
        case .nothing: return 0
        case .help(let verb):
            await console.put(verb.map(\.shape.help) ?? "\(Verb.overview)\n\nOptions:\n\(table.help)\n")
            return 0
        case .exit,
            .quit where !performer.isClient:
            if !console.style.quiet {
                await console.writeMessage(
                    performer.isClient
                        ? "left; the system goes on, and `daft quit` ends it"
                        : "left; the system ends with this program, and what is kept stays on the disks")
            }
            return 0
        case .cd(let name): return await enter(name, at: origin)
        case .pwd:
            await console.put("\(base.withLock(\.self))\n")
            return 0
        case .shell(let line): return await runLocally(line, at: origin)
        default: return await performer.perform(command, commandText, at: origin, in: base.withLock(\.self))
        }
    }

    private func enter(_ name: Name, at origin: CommandOrigin) async -> Int32 {
        let found = await console.run { [performer] in
            Result { () throws(Failure) in try performer.entries(in: name, atMost: 1) }
        }
        do throws(Failure) {
            guard try found.get() != nil else { throw Failure(.noSuchName, name, "no such directory is published") }
            base.withLock { $0 = name }
            return 0
        } catch {
            await console.show(.failed(error), of: .cd, at: origin)
            return error.exitStatus
        }
    }

    /// Runs one line; `isLast` if it ends the session.
    private func run(line: [UInt8], at origin: CommandOrigin) async -> (status: Int32, isLast: Bool) {
        do throws(CommandError) {
            let command = try Command(line: line, in: base.withLock(\.self))
            return (await run(command, .line(line), at: origin), command.isLast)
        } catch {
            await console.show(.failed(error.failure), of: nil, at: origin)
            return (error.failure.exitStatus, false)
        }
    }

    func run(_ lines: Lines) async -> Int32 {
        var status: Int32 = 0
        while true {
            let next = await console.run { [wake = interruption.wake] in lines.next(until: wake) }
            switch next {
            case .line(let line):
                let ended = await run(line: line, at: CommandOrigin(place: "\(lines.title):\(lines.number)"))
                if let signalled = interruption.exitStatus { return signalled }
                if status == 0 { status = ended.status }
                if ended.isLast { return status }
            case .end: return status
            case .interrupted: return interruption.exitStatus ?? status
            case .failed(let failure):
                await console.show(.failed(failure), of: nil, at: .arguments)
                return status == 0 ? failure.exitStatus : status
            }
        }
    }

    func prompt(_ lines: Lines) async -> Int32 {
        let editor = LineEditor()
        while true {
            let base = base.withLock(\.self)
            let prompt = base.isRoot ? "daft> " : "daft:\(base)> "
            if editor == nil { await console.ask(prompt) }
            let completer = Completer(performer: performer, base: base)
            let next = await console.run { [wake = interruption.wake] in
                editor?.next(prompt, until: wake, completer) ?? lines.next(until: wake)
            }
            switch next {
            case .line(let line):
                if await isTakenBack(line, editor, lines) { continue }
                if await run(line: line, at: .arguments).isLast { return 0 }
            case .end:
                await console.ask("\n")
                return 0
            case .interrupted:
                lines.forgetLine()
                await console.ask("\n")
            case .failed(let failure):
                await console.show(.failed(failure), of: nil, at: .arguments)
                return failure.exitStatus
            }
            if let status = interruption.exitStatus, !interruption.isForOneCommand { return status }
            interruption.forget()
        }
    }

    /// Whether the line would end the whole system and the user does not confirm with yes.
    private func isTakenBack(_ line: [UInt8], _ editor: LineEditor?, _ lines: Lines) async -> Bool {
        // Executing the line reports its syntax errors.
        guard (try? Command(line: line)) == .quit, let question = await performer.questionBeforeQuit() else {
            return false
        }
        if editor == nil { await console.ask(question) }
        let next = await console.run { [wake = interruption.wake] in
            editor?.next(question, until: wake) ?? lines.next(until: wake)
        }
        if case .line(let answer) = next, ["y", "yes"].contains(shown(answer).lowercased()) { return false }
        if next == .interrupted {
            lines.forgetLine()
            await console.ask("\n")
            interruption.forget()
        }
        await console.writeMessage("not ended; `exit` leaves this prompt")
        return true
    }

    private func runLocally(_ line: [UInt8], at origin: CommandOrigin) async -> Int32 {
        var report = Report()
        do throws(Failure) {
            let process = try LocalCommand.start(line, keepsInput: work.isTyped)
            // On a terminal the child receives SIGINT itself.
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
        await console.show(report, of: .shell, at: origin)
        return interruption.exitStatus ?? report.exitStatus
    }
}
