// Arguments of `daft-run job`: files to stage, the command, and where its results go.

import DaftModel

extension OptionTable {
    /// The options of `daft-run job`.
    public static let jobCommand = OptionTable([
        Option("-i", value: "PATH", meaning: "a file or directory for the nodes; repeat it for more"),
        Option("-o", value: "DIR", meaning: "copy $RESULTS to DIR/JOB/NODE/results"),
        Option("-s", "--shared", meaning: "each node reads a share of PATH, as bcast --shared"),
        Option("--diffuse", meaning: "put each file on one node, instead of all on every node"),
        Option("--serve", meaning: "serve `daft` clients on every node while the command runs"),
        Option("-t", "--tasks", value: "K", meaning: "run the command K times per node (once), without Slurm"),
    ])
}

public struct JobRequest: Hashable, Sendable {
    public private(set) var sources: [[UInt8]] = []
    public private(set) var output: [UInt8]?
    public private(set) var isShared = false
    public private(set) var isDiffused = false
    public private(set) var serves = false
    /// Nil: as the batch system decides.
    public private(set) var tasksPerNode: Int?
    public private(set) var command: [[UInt8]] = []

    /// Parses the words after `job`.
    public init(_ arguments: some Collection<[UInt8]>) throws(CommandError) {
        let words = arguments.map(Token.init(argument:))
        var index = 0
        while index < words.count, !words[index].endsOptions {
            let read = try OptionTable.jobCommand.read(words, at: &index)
            guard !read.isEmpty else {
                let word = words[index]
                if word.isDashed {
                    throw CommandError(
                        unknown: "option", word, among: OptionTable.jobCommand.options.flatMap(\.names))
                }
                throw CommandError("job: `\(word.text)`: the command stands behind `--`, and files behind -i")
            }
            for given in read { try take(given) }
        }
        command = words.dropFirst(index + 1).map(\.bytes)
        if command.isEmpty { throw CommandError("job: which command? -- COMMAND ARG…") }
        if isShared, isDiffused { throw CommandError("job: --shared does not go with --diffuse") }
        if sources.isEmpty, isShared || isDiffused { throw CommandError("job: which files? -i PATH") }
    }

    private mutating func take(_ given: OptionValue) throws(CommandError) {
        switch given.option.name {
        case "-i": sources.append(given.value)
        case "-o": output = given.value
        case "--shared": isShared = true
        case "--diffuse": isDiffused = true
        case "--serve": serves = true
        default:
            guard let count = Int(String(decoding: given.value, as: UTF8.self)), count > 0 else {
                throw given.wrong("`\(shown(given.value))` is no number from 1 upwards")
            }
            tasksPerNode = count
        }
    }

    /// The daft command that stages the files; nil if there are none.
    public var staging: [[UInt8]]? {
        if sources.isEmpty { return nil }
        // A source may begin with a dash.
        let verb = isDiffused ? ["diffuse"] : isShared ? ["bcast", "--shared"] : ["bcast"]
        return (verb + ["--"]).map { Array($0.utf8) } + sources
    }
}

/// The directories of a job, at the same paths on each of its nodes.
public struct JobDirectories: Hashable, Sendable {
    /// Contains the others; removed when the job ends normally.
    public let directory: [UInt8]
    public var staged: [UInt8] { directory + Array("/staged".utf8) }
    public var results: [UInt8] { directory + Array("/results".utf8) }

    public init(_ directory: [UInt8]) { self.directory = directory }
}
