// The common options of all programs. A program extends the table: `.common + [Option("-np", …)]`. The command line
// overrides the environment.

import DaftModel

extension OptionTable {
    public static let common = OptionTable([
        Option("-f", value: "JOBFILE", meaning: "run the commands of a job file; `-` is standard input"),
        Option("--store", value: "DIR", variable: "DAFT_STORE", meaning: "the store, on every node"),
        Option(
            "--group", value: "NAME", variable: "DAFT_GROUP",
            meaning: "members of a Unix group use the store in turn"),
        Option(
            "--catalogue", value: "DIR", variable: "DAFT_CATALOGUE",
            meaning: "the metadata server's directory"),
        Option(
            "--chunk-size", value: "SIZE", variable: "DAFT_CHUNK_SIZE",
            meaning: "size of chunks, a multiple of 4K, at most 16M (4M)"),
        Option(
            "-C", "--compress", value: "LEVEL", isValueOptional: true, variable: "DAFT_COMPRESS",
            meaning: "compress network traffic by zstd, 1 (the default) to 19"),
        Option(
            "--copies", value: "K", variable: "DAFT_COPIES",
            meaning: "default copies of put and diffuse (1)"),
        Option("--json", variable: "DAFT_JSON", meaning: "print one JSON object per result"),
        Option("--bytes", variable: "DAFT_BYTES", meaning: "print sizes in bytes"),
        Option(
            "-q", "--quiet", variable: "DAFT_QUIET", meaning: "print only results that were requested, and failures"),
        Option("-v", "--verbose", variable: "DAFT_VERBOSE", meaning: "print what is chosen and done"),
        Option("--no-progress", variable: "DAFT_NO_PROGRESS", meaning: "print no progress"),
        Option("--durable", variable: "DAFT_DURABLE", meaning: "sync every file to disk before it counts as stored"),
        Option("--version", meaning: "print the version"),
        Option(
            "--manual", value: "PAGE", isValueOptional: true,
            meaning: "print the manual, for `man -l`; --manual=jobfile: of job files"),
        Option("--completion", value: "SHELL", meaning: "print the completions for bash, zsh or fish"),
        Option("-h", "--help", meaning: "explain the program, or a command"),
    ])
}

extension OptionTable {
    /// For programs that start and end all ranks of a system.
    static let tracing = [
        Option(
            "--trace", value: "FILE", variable: "DAFT_TRACE",
            meaning: "write a timeline of every slab, in Chrome's trace-event format")
    ]

    /// For programs whose ranks end with them.
    public static let logging = [
        Option(
            "--log", value: "DIR", variable: "DAFT_LOG", meaning: "each rank writes a log file in DIR"),
        logLevel,
    ]

    static let logLevel = Option(
        "--log-level", value: "LEVEL", variable: "DAFT_LOG_LEVEL",
        meaning: "error, warning, info or debug (info)")

    /// For the program used in jobs, which can launch itself on the job's nodes.
    public static let job =
        common + logging + tracing + [
            Option(
                "--directives", value: "SCRIPT",
                meaning: "run the `#DAFT` lines in the leading comments of a job script"),
            Option(
                "--orphan-timeout", value: "TIME", variable: "DAFT_ORPHAN_TIMEOUT",
                meaning: "end the job without a metadata server for so long (60s)"),
            Option(
                "--system", value: "NAME", variable: "DAFT_SYSTEM",
                meaning: "the system of new stores: stores of one NAME work together"),
            Option("--launch", isForLaunch: true, meaning: "start on every node of the job, by srun or mpirun"),
            Option(
                "--hostfile", value: "FILE", variable: "DAFT_HOSTFILE", isForLaunch: true,
                meaning: "nodes to launch on, one a line, instead of the job's"),
            Option(
                "--servers-per-node", value: "K", variable: "DAFT_SERVERS_PER_NODE", isForLaunch: true,
                meaning: "data servers per node (1)"),
            Option(
                "--each", value: "K", isValueOptional: true, isForLaunch: true,
                meaning: "run any program on every node of the job, K times (once)"),
            Option("--dry-run", isForLaunch: true, meaning: "print the launch command, and end"),
            Option(
                "--grace", value: "TIME", variable: "DAFT_GRACE",
                meaning: "of job and serve: time to go on after SIGTERM (25s; serve: 0s)"),
        ]
}

public struct Options: Hashable, Sendable {
    /// The words that are no program options: a command with its own options.
    public private(set) var command: [[UInt8]] = []
    /// All words except launch options.
    public private(set) var forwarded: [[UInt8]] = []
    public let chunkSize: ChunkSize
    /// zstd level for transfers; 0: no compression.
    public let compression: UInt8
    /// The default number of copies.
    public let copies: Copies
    /// How long to wait for a silent metadata server; nil: the program's default.
    public let orphanSeconds: UInt32?
    /// How long `job` and `serve` continue after SIGTERM; nil: their default.
    public let graceSeconds: UInt32?
    public let logLevel: LogLevel
    private var given: [String: OptionValue] = [:]

    /// Options may precede the command or, unless they are its own, follow it, up to a `--`.
    public init(
        arguments: [[UInt8]], environment: (String) -> [UInt8]?, table: OptionTable = .common
    ) throws(CommandError) {
        let words = arguments.map(Token.init(argument:))
        var index = 0
        while index < words.count {
            if words[index].endsOptions {
                command += arguments[(command.isEmpty ? index + 1 : index)...]
                forwarded += arguments[index...]
                break
            }
            // The rest belongs to another program.
            if given["--each"] != nil, !words[index].isDashed {
                command = Array(arguments[index...])
                break
            }
            let start = index
            if try !Options.keepOwn(words, at: &index, in: &command) {
                let read = try table.read(words, at: &index)
                for one in read { given[one.option.name] = one }
                if read.isEmpty { try Options.keep(words, at: &index, in: &command, table) }
                if read.contains(where: \.option.isForLaunch) { continue }
            }
            forwarded += arguments[start..<index]
        }
        for option in table.options where given[option.name] == nil {
            given[option.name] = try Options.found(option, in: environment)
        }
        chunkSize = try Options.chunkSize(given["--chunk-size"])
        compression = try Options.compression(given["--compress"])
        copies = try given["--copies"]?.copies() ?? .one
        orphanSeconds = try given["--orphan-timeout"]?.seconds()
        graceSeconds = try given["--grace"]?.seconds()
        logLevel = try given["--log-level"].map(Options.level(of:)) ?? .info
    }

    public func value(_ name: String) -> [UInt8]? { given[name]?.value }

    /// Nil if not given; only the environment can say no.
    public func flag(_ name: String) -> Bool? { given[name].map { $0.value != Options.no } }

    /// A number from 1 on.
    public func number(_ name: String) throws(CommandError) -> Int? {
        guard let given = given[name] else { return nil }
        guard let number = Int(String(decoding: given.value, as: UTF8.self)), number > 0 else {
            throw given.wrong("`\(shown(given.value))` is no number from 1 upwards")
        }
        return number
    }

    /// A time in seconds: `90`, `90s`, `10m`, `24h`.
    public func time(_ name: String) throws(CommandError) -> UInt32? {
        try given[name]?.seconds()
    }

    private static func level(of given: OptionValue) throws(CommandError) -> LogLevel {
        let word = String(decoding: given.value, as: UTF8.self)
        guard let level = LogLevel(rawValue: word) else {
            throw given.wrong("`\(shown(given.value))` is none of error, warning, info and debug")
        }
        return level
    }

    /// The command line's options as environment variables for another daft process.
    public var typedVariables: [(name: String, value: [UInt8])] {
        given.values.compactMap { given in
            guard given.origin.hasPrefix("-"), let name = given.option.variable else { return nil }
            return (name, given.option.value == nil ? Array("yes".utf8) : given.value)
        }
    }

    public var store: [UInt8]? { value("--store") }
    public var catalogue: [UInt8]? { value("--catalogue") }
    public var jobFile: [UInt8]? { value("-f") }
    public var trace: [UInt8]? { value("--trace") }
    public var json: Bool { flag("--json") ?? false }
    public var exactSizes: Bool { flag("--bytes") ?? false }
    public var quiet: Bool { flag("--quiet") ?? false }
    public var verbose: Bool { flag("--verbose") ?? false }
    public var progress: Bool { !(flag("--no-progress") ?? false) }
    /// Nil: the program's default.
    public var durable: Bool? { flag("--durable") }
    public var version: Bool { flag("--version") ?? false }
    public var help: Bool { flag("--help") ?? false }

    private static let no = Array("no".utf8)

    /// Keeps an option of the command from being parsed as a program option of the same name.
    private static func keepOwn(
        _ words: [Token], at index: inout Int, in command: inout [[UInt8]]
    ) throws(CommandError) -> Bool {
        guard let first = command.first, let verb = Verb(rawValue: String(decoding: first, as: UTF8.self)) else {
            return false
        }
        var end = index
        if try OptionTable(verb.shape.options).read(words, at: &end).isEmpty { return false }
        command += words[index..<end].map(\.bytes)
        index = end
        return true
    }

    /// Moves a word of the command, with its value, to `command`.
    private static func keep(
        _ words: [Token], at index: inout Int, in command: inout [[UInt8]], _ table: OptionTable
    ) throws(CommandError) {
        let word = words[index]
        if command.isEmpty, word.isDashed {
            throw CommandError(unknown: "option", word, among: table.options.flatMap(\.names))
        }
        let verb = Verb(rawValue: String(decoding: command.first ?? [], as: UTF8.self))
        let takesValue = verb?.shape.options.contains { $0.value != nil && $0.names.contains(word.text) } ?? false
        let end = min(words.count, index + (takesValue ? 2 : 1))
        command += words[index..<end].map(\.bytes)
        index = end
    }

    private static func found(
        _ option: Option, in environment: (String) -> [UInt8]?
    ) throws(CommandError) -> OptionValue? {
        guard let variable = option.variable, let value = environment(variable), !value.isEmpty else { return nil }
        let given = OptionValue(option: option, value: value, origin: variable)
        guard option.value == nil else { return given }
        switch String(decoding: value, as: UTF8.self).lowercased() {
        case "1", "yes", "true", "on": return OptionValue(option: option, value: [], origin: variable)
        case "0", "no", "false", "off": return OptionValue(option: option, value: no, origin: variable)
        default: throw given.wrong("`\(shown(value))` is neither yes nor no")
        }
    }

    private static func compression(_ given: OptionValue?) throws(CommandError) -> UInt8 {
        guard let given else { return 0 }
        switch String(decoding: given.value, as: UTF8.self).lowercased() {
        case "", "yes", "true", "on": return 1
        case "no", "none", "false", "off", "0": return 0
        case let text:
            guard let level = UInt8(text), level <= 19 else {
                throw given.wrong("`\(shown(given.value))` is no level from 1 to 19")
            }
            return level
        }
    }

    private static func chunkSize(_ given: OptionValue?) throws(CommandError) -> ChunkSize {
        guard let given else { return .standard }
        guard let bytes = size(given.value) else { throw given.wrong("`\(shown(given.value))` is no size, as 4M is") }
        guard let size = Int(exactly: bytes).flatMap({ ChunkSize($0) }) else {
            throw given.wrong("a chunk is a multiple of 4K and at most 16M, not `\(shown(given.value))`")
        }
        return size
    }
}
