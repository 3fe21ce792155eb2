// Every command, described once: the parser, `help`, usage errors, the manual and completions all read this table.

import DaftModel

public struct CommandShape: Sendable {
    public enum Operands: Hashable, Sendable {
        case none
        case optional(String)
        case one(String)
        case two(String, String)
        case some(String)
        case any(String)
        /// The rest of the line as it stands.
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

private let publishedAs = Option("--as", value: "NAME", meaning: "the name to publish it under, instead of its own")

private let severalCopies = Option(
    "--copies", value: "K", meaning: "keep K copies, each in another data server's store")

extension CommandShape {
    fileprivate static let put = CommandShape(
        .put, .some("SRC"), takesHost: true, options: [publishedAs, severalCopies] + OptionTable.ofSources,
        purpose: "publish local files or directories",
        details: """
            The bytes go to the data server of HOST, else to one on this node, else to any. A source /a/set is \
            published as /set, with all that is below it. A file whose name is taken by other content is refused, and \
            what stands there stays; publishing the same again moves no bytes, so an interrupted put is simply run \
            again. What has not changed since it was published is not even read: device, inode, size and times tell. \
            Patterns are rsync's: \
            `*` stops at a slash, `**` does not, a slash at the beginning stands for SRC itself, one at the end for \
            directories alone. \
            --bwlimit is for all SRC together, whoever reads them; 0 is none, K, M, G, T and P are of 1024, KB and MB \
            of 1000. \
            A file whose own name ends in @ and a word is typed in quotes, or with one more @ at its end.
            """)

    fileprivate static let diffuse = CommandShape(
        .diffuse, .some("SRC"), options: [publishedAs, severalCopies] + OptionTable.ofSources,
        purpose: "publish, balanced over the data servers",
        details: """
            Files of up to one chunk stay whole; larger ones are cut into runs of chunks, one for each data server. \
            No data server gets more than it has room for.
            """)

    fileprivate static let bcast = CommandShape(
        .bcast, .some("SRC|NAME"),
        options: [
            publishedAs,
            Option("--shared", meaning: "every node sees SRC, as on a shared filesystem, and reads its share of it"),
        ] + OptionTable.ofSources,
        purpose: "bring a complete copy to every data server",
        details: """
            What exists as a local path is published; anything else is a published name. Data servers that have a \
            part already are sent only what they lack. A local path is read once, on this node; with --shared by all \
            nodes together, each its share, which is faster where one node cannot read as fast as it can send.
            """)

    fileprivate static let fetch = CommandShape(
        .fetch, .some("NAME"), takesHost: true, options: [.limit],
        purpose: "bring a complete copy into one data server's store",
        details: "That data server is the one on HOST, else the one on this node.")

    fileprivate static let get = CommandShape(
        .get, .some("NAME"),
        options: [
            Option("--to", value: "PATH", meaning: "where to write it, instead of the working directory"), .limit,
        ],
        purpose: "write what stands under a name to the local disk, here",
        details: """
            The opposite of put: bytes, permission bits, times, holes and symlinks come back as they were. One NAME \
            becomes PATH, or goes into it where PATH is a directory or ends in a slash, as with cp, unless it is \
            such a copy already; several go into it. Files that stand there under the same names are written over; \
            others stay.
            """)

    fileprivate static let gather = CommandShape(
        .gather, .some("PATH"),
        options: [
            Option("--merge", meaning: "write all nodes' files into DIR, instead of each into DIR/NODE"),
            Option("--to", value: "DIR", isRequired: true, meaning: "where to write them, here"),
            Option("--as", value: "NAME", meaning: "publish them too, below this name"),
            .limit,
        ],
        purpose: "bring what was written on every node here",
        details: """
            A PATH is one of every node, absolute or relative to its store. What a node has there is written to \
            DIR/NODE/…, with the modes that your umask leaves. With --merge it is written to DIR, and of what is not \
            the same on two nodes neither is, but named. A node that has nothing there is a warning. With --as NAME \
            it is also published, as NAME/NODE/….
            """)

    fileprivate static let sbcast = CommandShape(
        .sbcast, .two("SRC", "DEST"),
        options: [
            Option("-f", "--force", meaning: "replace what stands at DEST"),
            Option("-p", "--preserve", meaning: "with the time of SRC, too"),
            .limit,
        ],
        purpose: "write one file to a path on every node",
        details: """
            SRC goes along the chain of a bcast, and each node writes it to DEST, absolute or relative to the working \
            directory, with the permission bits of SRC. It stays published below /sbcast. --compress, or -C, is the \
            program's own option.
            """)

    fileprivate static let cat = CommandShape(
        .cat, .one("NAME"), purpose: "write a file to standard output",
        details: "Each chunk is checked before it is written.")

    fileprivate static let ls = CommandShape(
        .ls, .any("NAME"),
        options: [
            Option("-l", meaning: "with size, time, chunks, and where it is kept"),
            Option("-n", meaning: "the nodes"),
            Option("-c", meaning: "every chunk and who keeps it; with -l the chunks kept here"),
            Option("-h", meaning: "sizes as people read them, 4.0 MiB; else they are exact"),
        ],
        purpose: "list names",
        details: "Of a directory, what is in it; without a NAME, what is at the top.")

    fileprivate static let stat = CommandShape(
        .stat, .one("NAME"), purpose: "show one entry in full",
        details: """
            Its kind, size, permission bits, time, content, chunks, and the stores that keep it; of a directory, how \
            many names are below it, and how large their files are together.
            """)

    fileprivate static let tree = CommandShape(
        .tree, .optional("NAME"), purpose: "show the names as a tree", details: "Of all names, or of those below NAME.")

    fileprivate static let verify = CommandShape(
        .verify, .any("NAME"), purpose: "read everything kept again and check it",
        details: """
            Every data server hashes what it keeps, of these names or of all. What is corrupt is dropped and brought \
            back from a good copy where there is one.
            """)

    fileprivate static let repair = CommandShape(
        .repair, purpose: "make the copies that are wanted and lacking",
        details: """
            What --copies asked for is made true again with the data servers that are there, and each of them gets \
            what it lacks of what was broadcast. Only that is moved. What nobody who is there keeps is named.
            """)

    fileprivate static let leave = CommandShape(
        .leave, .one("HOST"), purpose: "take a data server out of the system",
        details: """
            What only the data server of HOST keeps is copied to others first; then it counts no more, and ends. \
            Its files stay on its disk, and it can join again. Where something cannot be moved, it does not leave.
            """)

    fileprivate static let status = CommandShape(
        .status,
        options: [
            Option(
                "--watch", value: "TIME", isValueOptional: true,
                meaning: "again every TIME (2s), with the bytes a second of each node, until Ctrl-C")
        ],
        purpose: "show the state, the nodes, their space, what runs",
        details: """
            Nothing is changed. With --watch a terminal is drawn anew; anywhere else each look stands below the one \
            before. In and out are what crosses a node's link, for all commands together.
            """)

    fileprivate static let wait = CommandShape(
        .wait, options: [Option("--timeout", value: "TIME", meaning: "for so long at most (60s)")],
        purpose: "wait until a system serves clients here",
        details: """
            For what follows `daft-run --launch serve &`. Returns at once where one serves already; after TIME it \
            fails with status 6.
            """)

    fileprivate static let help = CommandShape(
        .help, .optional("COMMAND"), purpose: "explain the commands, or one of them",
        details: """
            Words are written as in a shell: 'literal', "with \\" and \\\\", a\\ b; \\n, \\t and \\xHH stand for a \
            newline, a tab and any byte.
            """)

    fileprivate static let shell = CommandShape(
        .shell, .line("COMMAND"), purpose: "run a command in the local shell",
        details: "The rest of the line goes to $SHELL, or to sh where there is none.")

    fileprivate static let comment = CommandShape(
        .comment, .line(" comment"), purpose: "nothing",
        details: "From a # where a word begins to the end of the line.")

    fileprivate static let cd = CommandShape(
        .cd, .optional("NAME"), purpose: "begin names that have no slash in front there, from now on",
        details: """
            For a prompt or a job file. `..` is one level up; without a NAME it leads back to the root. What is put \
            gets its name there too. `!cd` changes nothing here: local paths stay relative to where the program began.
            """)

    fileprivate static let pwd = CommandShape(
        .pwd, purpose: "show where `cd` has led to", details: "At the beginning that is the root, /.")

    fileprivate static let exit = CommandShape(
        .exit, purpose: "leave the prompt or the job file; `bye` is the same",
        details: "A system that daft is a client of goes on; that of daft-run or daft-solo ends with its program.")

    fileprivate static let quit = CommandShape(
        .quit, purpose: "stop the whole system",
        details: """
            All data servers end; what they keep stays on their disks and is known again at the next start. At \
            a client's prompt it first says how many nodes that ends, and asks.
            """)
}
