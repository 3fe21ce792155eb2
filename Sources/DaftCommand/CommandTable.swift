// The table of commands: parser, `help`, usage errors, manual and completions are generated from it.

import DaftModel

public struct CommandShape: Sendable {
    public enum Operands: Hashable, Sendable {
        case none
        case optional(String)
        case one(String)
        case two(String, String)
        case some(String)
        case any(String)
        /// The rest of the line, verbatim.
        case line(String)
    }

    public let verb: Verb
    public let operands: Operands
    public let takesHost: Bool
    public let options: [Option]
    /// One line.
    public let purpose: String
    public let details: String

    init(
        _ verb: Verb, _ operands: Operands = .none, takesHost: Bool = false, options: [Option] = [],
        purpose: String, details: String
    ) {
        self.verb = verb
        self.operands = operands
        self.takesHost = takesHost
        self.options = options
        self.purpose = purpose
        self.details = details
    }
}

extension CommandShape.Operands {
    var least: Int {
        switch self {
        case .one, .some, .line: 1
        case .two: 2
        case .none, .optional, .any: 0
        }
    }

    var most: Int {
        switch self {
        case .none: 0
        case .optional, .one: 1
        case .two: 2
        case .some, .any, .line: .max
        }
    }

    var placeholder: String {
        switch self {
        case .none: ""
        case .two(let first, let second): "\(first) and a \(second)"
        case .optional(let word), .one(let word), .some(let word), .any(let word), .line(let word): word
        }
    }
}

extension Verb {
    public var shape: CommandShape {
        switch self {
        case .put: .put
        case .diffuse: .diffuse
        case .bcast: .bcast
        case .fetch: .fetch
        case .get: .get
        case .gather: .gather
        case .sbcast: .sbcast
        case .cat: .cat
        case .ls: .ls
        case .stat: .stat
        case .tree: .tree
        case .verify: .verify
        case .repair: .repair
        case .leave: .leave
        case .status: .status
        case .wait: .wait
        case .help: .help
        case .shell: .shell
        case .comment: .comment
        case .cd: .cd
        case .pwd: .pwd
        case .exit: .exit
        case .quit: .quit
        }
    }
}

private let publishedAs = Option("--as", value: "NAME", meaning: "the name to publish it under")

private let severalCopies = Option(
    "--copies", value: "K", meaning: "keep K copies, on different data servers")

extension CommandShape {
    fileprivate static let put = CommandShape(
        .put, .some("SRC"), takesHost: true, options: [publishedAs, severalCopies] + OptionTable.ofSources,
        purpose: "publish local files or directories",
        details: """
            The bytes go to the data server on HOST, else on this node, else to any. /a/set is published as /set \
            with everything below it. A name that has other content is refused and stays as it is; the same content \
            again moves no bytes, so run an interrupted put again. Files whose device, inode, size and times are \
            unchanged are not read. Patterns are rsync's: `*` stops at a slash, `**` does not, a leading slash means \
            SRC itself, a trailing one directories only. --bwlimit is for all SRC together; 0 is no limit; K, M, G, \
            T and P are of 1024, KB and MB of 1000. Quote a file name that ends in @ and a word, or add one more @.
            """)

    fileprivate static let diffuse = CommandShape(
        .diffuse, .some("SRC"), options: [publishedAs, severalCopies] + OptionTable.ofSources,
        purpose: "publish, balanced over the data servers",
        details: """
            Files of up to one chunk stay whole; larger ones are cut into runs of chunks, one for each data server, \
            as its free space allows.
            """)

    fileprivate static let bcast = CommandShape(
        .bcast, .some("SRC|NAME"),
        options: [
            publishedAs,
            Option("--shared", meaning: "each node reads a share of SRC, which all nodes see"),
        ] + OptionTable.ofSources,
        purpose: "copy files or names to every data server",
        details: """
            An existing local path is published; any other word is a published name. Data servers receive only what \
            they lack. This node reads a local path once; with --shared each node reads a share, which is faster \
            where one node reads slower than its link.
            """)

    fileprivate static let fetch = CommandShape(
        .fetch, .some("NAME"), takesHost: true, options: [.limit],
        purpose: "copy names to one data server's store",
        details: "That is the data server on HOST, else on this node.")

    fileprivate static let get = CommandShape(
        .get, .some("NAME"),
        options: [
            Option("--to", value: "PATH", meaning: "where to write (the working directory)"), .limit,
        ],
        purpose: "write names to the local disk",
        details: """
            Restores bytes, permission bits, times, holes and symlinks. One NAME becomes PATH, or goes into it if \
            PATH is a directory or ends in a slash, as with cp, unless PATH is such a copy already; several NAMEs go \
            into it. Existing files of the same names are overwritten; others stay.
            """)

    fileprivate static let gather = CommandShape(
        .gather, .some("PATH"),
        options: [
            Option("--merge", meaning: "merge the nodes' files into DIR, instead of DIR/NODE"),
            Option("--to", value: "DIR", isRequired: true, meaning: "where to write them"),
            Option("--as", value: "NAME", meaning: "also publish them below this name"),
            .limit,
        ],
        purpose: "copy files from every node to here",
        details: """
            A PATH is absolute, or relative to each node's store. Its files are written to DIR/NODE/…, with the \
            modes that your umask leaves; with --merge to DIR, except files that differ between nodes, which are \
            named. A node without PATH is a warning. With --as NAME each node also publishes its files as \
            NAME/NODE/….
            """)

    fileprivate static let sbcast = CommandShape(
        .sbcast, .two("SRC", "DEST"),
        options: [
            Option("-f", "--force", meaning: "replace DEST"),
            Option("-p", "--preserve", meaning: "keep the times of SRC"),
            .limit,
        ],
        purpose: "write one file to a path on every node",
        details: """
            DEST is absolute or relative to the working directory. The file gets the permission bits of SRC, and \
            stays published below /sbcast. --compress, or -C, is an option of the program.
            """)

    fileprivate static let cat = CommandShape(
        .cat, .one("NAME"), purpose: "write a file to standard output",
        details: "Each chunk is verified before it is written.")

    fileprivate static let ls = CommandShape(
        .ls, .any("NAME"),
        options: [
            Option("-l", meaning: "with size, time, chunks and stores"),
            Option("-n", meaning: "the nodes"),
            Option("-c", meaning: "every chunk and its stores; with -l the chunks stored here"),
            Option("-h", meaning: "sizes as 4.0 MiB instead of exact"),
        ],
        purpose: "list names",
        details: "Of a directory its entries, without NAME those of the root.")

    fileprivate static let stat = CommandShape(
        .stat, .one("NAME"), purpose: "show one entry in full",
        details: """
            Kind, size, permission bits, time, content, chunks and stores; of a directory also the number of names \
            below it and their size.
            """)

    fileprivate static let tree = CommandShape(
        .tree, .optional("NAME"), purpose: "show the names as a tree", details: "All names, or those below NAME.")

    fileprivate static let verify = CommandShape(
        .verify, .any("NAME"), purpose: "read and hash stored data again",
        details: """
            Every data server hashes what it stores, of these names or of all. Corrupt data is dropped and replaced \
            from a good copy if there is one.
            """)

    fileprivate static let repair = CommandShape(
        .repair, purpose: "make missing copies",
        details: """
            Makes the copies that --copies asked for, and copies of broadcasts on each data server that lacks them. \
            Data without any copy left is named.
            """)

    fileprivate static let leave = CommandShape(
        .leave, .one("HOST"), purpose: "remove a data server from the system",
        details: """
            First copies to others what only HOST has. Its files stay on its disk, and it can join again. If \
            something cannot be copied, it does not leave.
            """)

    fileprivate static let status = CommandShape(
        .status,
        options: [
            Option(
                "--watch", value: "TIME", isValueOptional: true,
                meaning: "repeat every TIME (2s), with each node's traffic, until Ctrl-C")
        ],
        purpose: "show state, nodes, space, running commands",
        details: """
            With --watch a terminal is redrawn; elsewhere the views are appended. In and out are the traffic of a \
            node's link, for all commands together.
            """)

    fileprivate static let wait = CommandShape(
        .wait, options: [Option("--timeout", value: "TIME", meaning: "at most so long (60s)")],
        purpose: "wait until a system serves clients here",
        details: "For use after `daft-run --launch serve &`. Fails with status 6 after TIME.")

    fileprivate static let help = CommandShape(
        .help, .optional("COMMAND"), purpose: "explain the commands, or one of them",
        details: """
            Words are written as in a shell: 'literal', "with \\" and \\\\", a\\ b; \\n, \\t and \\xHH stand for a \
            newline, a tab and any byte.
            """)

    fileprivate static let shell = CommandShape(
        .shell, .line("COMMAND"), purpose: "run a command in the local shell",
        details: "The rest of the line goes to $SHELL, or to sh if that is not set.")

    fileprivate static let comment = CommandShape(
        .comment, .line(" comment"), purpose: "nothing",
        details: "From a # at the beginning of a word to the end of the line.")

    fileprivate static let cd = CommandShape(
        .cd, .optional("NAME"), purpose: "set the directory of relative names",
        details: """
            At a prompt or in a job file. `..` is one level up; without NAME, the root. Applies to names of put, \
            too. `!cd` changes nothing here: local paths stay relative to where the program started.
            """)

    fileprivate static let pwd = CommandShape(
        .pwd, purpose: "show that directory", details: "Initially the root, /.")

    fileprivate static let exit = CommandShape(
        .exit, purpose: "leave the prompt or the job file; `bye` is the same",
        details: "The system of a daft client goes on; that of daft-run or daft-solo ends.")

    fileprivate static let quit = CommandShape(
        .quit, purpose: "stop the whole system",
        details: """
            All data servers end; their files stay on disk and are known at the next start. A client's prompt first \
            says how many nodes that ends, and asks.
            """)
}
