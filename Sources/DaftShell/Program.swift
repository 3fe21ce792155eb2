// Common to all programs: parsing arguments, `--help` and `--version`, and reporting errors before anything is started.

import DaftCommand
import DaftLink
import DaftModel
import Glibc

/// What a program was started for.
public enum Work: Sendable {
    case command(Command, [[UInt8]])
    /// A job file, standard input, or a prompt.
    case lines(Lines)
    /// Commands come from clients.
    case serve
    /// A subcommand of this program only, with its arguments.
    case own([[UInt8]])

    /// Whether a person types the input.
    var isTyped: Bool {
        switch self {
        case .command: true
        case .lines(let lines): lines.isTerminal
        case .serve: false
        case .own: true
        }
    }
}

/// A valid invocation.
public struct Invocation: Sendable {
    public let options: Options
    public let console: Console
    public let work: Work
    let table: OptionTable
}

public struct Program: Sendable {
    public enum Start: Sendable {
        /// Everything has been printed.
        case over(status: Int32)
        case go(Invocation)
    }

    private let shape: ProgramShape
    private let launch: (@Sendable (Options) -> Int32)?

    private var name: String { shape.name }
    private var table: OptionTable { shape.table }

    /// `launch` replaces the program's work if the options request it; it runs before any thread is created.
    public init(_ shape: ProgramShape, launch: (@Sendable (Options) -> Int32)? = nil) {
        self.shape = shape
        self.launch = launch
    }

    /// The whole program, for a `main` without other duties; returns the exit status.
    public func main(_ body: @escaping @Sendable (Invocation) async -> Int32) -> Int32 {
        switch start() {
        case .over(let status): return status
        case .go(let invocation):
            // Not an async main: that would give the main thread to Dispatch, which unblocks signals.
            let loop = ThreadLoop(name: "daft-main")
            let status = loop.finish {
                let status = await body(invocation)
                invocation.console.close()
                return status
            }
            loop.stop()
            return status
        }
    }

    /// The start of `main`, for programs that need their main thread. Call it first, before there is a second thread.
    public func start() -> Start {
        openStandardFiles()
        do throws(CommandError) {
            let options = try Options(arguments: arguments(), environment: variable, table: table)
            if options.version { return over(0, "\(name) \(version)\n") }
            if options.help { return over(0, try help(options.command)) }
            if let text = try explained(options) { return over(0, text) }
            if let launch, options.isEach || options.isJob { return .over(status: launch(options)) }
            let work = try work(options)
            if case .lines(let lines) = work, let status = refusal(of: lines) { return .over(status: status) }
            if let launch, options.isLaunch { return .over(status: launch(options)) }
            if case .command(.help(let verb), _) = work { return over(0, verb.map(\.shape.help) ?? help) }
            let console = Console(OutputStyle(options), .ofProcess())
            return .go(Invocation(options: options, console: console, work: work, table: table))
        } catch {
            let hint = error.synopsis == nil ? "\ndaft: `\(name) --help` says more" : ""
            _ = write("daft: \(error)\(hint)\n", to: STDERR_FILENO)
            return .over(status: error.failure.exitStatus)
        }
    }

    /// Options for the ranks that must stay silent; nil if rank 0 reports an error or prints help. `rank0Variables` are
    /// rank 0's environment variables for those missing here, since not every launcher forwards the environment.
    public func quietOptions(rank0Variables: [UInt8] = []) -> Options? {
        openStandardFiles()
        var others: [String: [UInt8]] = [:]
        for pair in rank0Variables.split(separator: 0) {
            guard let end = pair.firstIndex(of: UInt8(ascii: "=")) else { continue }
            others[String(decoding: pair[..<end], as: UTF8.self)] = Array(pair[(end + 1)...])
        }
        // The rank that prints reports their errors.
        let options = try? Options(arguments: arguments(), environment: { variable($0) ?? others[$0] }, table: table)
        return options.flatMap { $0.version || $0.help || $0.isAboutItself ? nil : $0 }
    }

    /// This process's option variables, for `quietOptions`.
    public func variables() -> [UInt8] {
        var bytes: [UInt8] = []
        for name in variableNames() { bytes += Array("\(name)=".utf8) + (variable(name) ?? []) + [0] }
        return bytes
    }

    public func variableNames() -> [String] { table.options.compactMap(\.variable).filter { variable($0) != nil } }

    private func work(_ options: Options) throws(CommandError) -> Work {
        do throws(Failure) {
            if let path = options.jobFile {
                guard options.command.isEmpty, options.value("--directives") == nil else {
                    throw Failure(.usage, [], "-f JOBFILE goes with no command and no --directives")
                }
                return .lines(try Lines(path: path))
            }
            if let script = options.value("--directives") {
                guard options.command.isEmpty else { throw Failure(.usage, [], "--directives goes with no command") }
                return .lines(try Lines(path: script, ofScript: true))
            }
            if options.command.isEmpty { return .lines(try Lines.standardInput()) }
        } catch {
            throw CommandError("\(error)")
        }
        if shape.serves, options.isServe { return .serve }
        if isOwn(options.command) { return .own(options.command) }
        return .command(try Command(arguments: options.command), options.command)
    }

    /// Checks all lines first, so that an error in the last is not found after hours of work; returns the status if any
    /// fails.
    private func refusal(of lines: Lines) -> Int32? {
        let faults = lines.faults()
        if faults.isEmpty { return nil }
        let all = faults + ["\(lines.title): nothing of it was done"]
        _ = write(all.map { "daft: \($0)\n" }.joined(), to: STDERR_FILENO)
        return Failure.Kind.usage.exitStatus
    }

    private func help(_ command: [[UInt8]]) throws(CommandError) -> String {
        guard let first = command.first else { return help }
        if isOwn(command) { return shape.hasOnlySubcommands ? help : ownHelp(String(decoding: first, as: UTF8.self)) }
        guard case .help(let verb?) = try Command(arguments: [Array("help".utf8), first]) else { return help }
        return verb.shape.help
    }

    private func isOwn(_ command: [[UInt8]]) -> Bool {
        command.first.map { word in shape.subcommands.contains { $0.word == String(decoding: word, as: UTF8.self) } }
            ?? false
    }

    private func ownHelp(_ word: String) -> String {
        shape.subcommands.filter { $0.word == word }.map { own in
            "\(name) \(own.word) \(own.operand)\n    \(own.purpose)\n\n\(own.options.help)\n"
        }.joined()
    }

    /// The manual, or completions for a shell.
    private func explained(_ options: Options) throws(CommandError) -> String? {
        if let word = options.value("--completion").map({ String(decoding: $0, as: UTF8.self) }) {
            guard let shell = CompletingShell(rawValue: word) else {
                throw CommandError("--completion: `\(word)` is neither bash nor zsh nor fish")
            }
            return shell.script(for: shape)
        }
        guard let word = options.value("--manual").map({ String(decoding: $0, as: UTF8.self) }) else { return nil }
        guard let page = word.isEmpty ? ManualPage(of: shape) : ManualPage.named(word) else {
            throw CommandError("--manual: there is no page `\(word)`: there are daft, run, solo and jobfile")
        }
        return page.text(version: version, date: versionDate)
    }

    private var help: String {
        let width = shape.uses.map(\.form.count).max() ?? 0
        let uses = shape.uses.map { use in
            let gap = String(repeating: " ", count: width - use.form.count + 4)
            return "    \(name) \(use.form)\(gap)\(use.meaning)\n"
        }.joined()
        let commands = shape.hasOnlySubcommands ? "" : "Commands:\n\(Verb.overview)\n\n"
        return """
            \(name) \(version): \(shape.purpose)

            \(uses)
            \(commands)Options:
            \(table.help)

            """
    }

    private func over(_ status: Int32, _ text: String) -> Start {
        _ = write(text, to: STDOUT_FILENO)
        return .over(status: status)
    }
}

/// Arguments as bytes, since paths need not be UTF-8.
private func arguments() -> [[UInt8]] {
    (1..<max(1, Int(CommandLine.argc))).compactMap { index in
        CommandLine.unsafeArgv[index].map { bytes(ofC: $0) }
    }
}

extension Options {
    /// `--dry-run` prints the launch command line.
    public var isLaunch: Bool { flag("--launch") ?? false || flag("--dry-run") ?? false || isEach }

    /// Whether the manual or a shell completion is requested.
    var isAboutItself: Bool { value("--manual") != nil || value("--completion") != nil }

    /// The command is another program, to run on every node of the job.
    public var isEach: Bool { value("--each") != nil }

    /// `job …`: stage, run a command, and collect its results.
    public var isJob: Bool { command.first == Array("job".utf8) }

    /// `serve`: stay and perform clients' commands.
    public var isServe: Bool { command == [Array("serve".utf8)] }
}

/// An environment variable.
public func variable(_ name: String) -> [UInt8]? { getenv(name).map { bytes(ofC: $0) } }

private func bytes(ofC text: UnsafePointer<CChar>) -> [UInt8] {
    UnsafeBufferPointer(start: text, count: strlen(text)).map { UInt8(bitPattern: $0) }
}
