// Descriptions of the programs, from which `--help`, manual pages and completions are generated, with the tables of
// commands and options.

import DaftModel

public struct ProgramShape: Sendable {
    /// A usage or a subcommand, and its meaning.
    public struct Use: Sendable {
        public let form: String
        public let meaning: String

        init(_ form: String, _ meaning: String) { (self.form, self.meaning) = (form, meaning) }
    }

    /// A subcommand of this program only.
    public struct Subcommand: Sendable {
        public let word: String
        public let operand: String
        public let purpose: String
        public let options: OptionTable
    }

    public let name: String
    public let purpose: String
    public let uses: [Use]
    public let table: OptionTable
    public var subcommands: [Subcommand] = []
    /// It accepts only its own subcommands.
    public var hasOnlySubcommands = false
    /// It can stay and serve clients.
    public var serves = false
    /// Its completions may query published names, because it answers at once.
    public var knowsNames = false
    /// Paragraphs of the description.
    let description: [String]
    let examples: [Use]
    let files: [Use]
}

/// The exit statuses of all programs.
public let exitStatuses: [(status: String, meaning: String)] = [
    ("0", "Success."),
    ("1", "Something failed: each failure is named, and the rest is done."),
    ("2", "Usage: nothing was done."),
    ("3", "No such name is published."),
    ("4", "Refused: the name has other content."),
    ("5", "Data is lost or corrupt, and no good copy is left."),
    ("6", "A node or the metadata server cannot be reached."),
    ("7", "Another daft uses the store: try again later."),
    (">128", "Ended by signal status - 128."),
]

extension ProgramShape {
    private static let oneCommand = Use("[OPTIONS] COMMAND ARG…", "one command, then end")
    private static let jobFile = Use("[OPTIONS] -f JOBFILE", "the commands of a job file, then end")
    private static let prompt = Use("[OPTIONS]", "a prompt on a terminal, else the commands of standard input")

    private static let whatItIs = """
        daft copies datasets from one source to the local disks of the nodes that compute on them, as plain files, and \
        checks every byte by SHA-256. Each node has a store, a directory in which published files have their names; \
        only .daft in it is internal. Names are written once: other content under a name is refused, the same content \
        moves no bytes. To resume an interrupted command, run it again.
        """

    private static let store = Use("DIR", "the store (--store); .daft in it is internal")

    public static let client = ProgramShape(
        name: "daft", purpose: "client of the daft on this node, and start of a system of workstations",
        uses: [
            Use(
                "start HOSTFILE [OPTIONS]",
                "start a system on the hosts in a file, over ssh   (more: daft start --help)"),
            Use("join HOST… [OPTIONS]", "add hosts to the system started here"),
            oneCommand, jobFile, prompt,
        ],
        // The server determines how files are split and kept.
        table: OptionTable(
            OptionTable.common.options.filter { !["--chunk-size", "--copies", "--durable"].contains($0.name) }),
        subcommands: [
            Subcommand(
                word: "start", operand: "HOSTFILE", purpose: "start a system on the hosts of a file, over ssh",
                options: .starting),
            Subcommand(
                word: "join", operand: "HOST", purpose: "add hosts to the system started here",
                options: .starting),
        ],
        knowsNames: true,
        description: [
            whatItIs,
            """
            This client sends a command to the data server of its node and prints the output. It finds that server by \
            --store, by default as daft-run does. It also starts a system of workstations: a metadata server here and \
            a data server on each host in a file, to which it copies itself over ssh. They stay until quit.
            """,
        ],
        examples: [
            Use("daft start hosts", "start a system on the hosts in a file, one a line; q[1-3] is three"),
            Use("daft bcast set", "copy set to every host"),
            Use("daft get /set --to copy", "write it to the local disk"),
            Use("daft quit", "end the system; files stay on the disks"),
        ],
        files: [store, Use("DIR/.daft/log", "the log of the node's data server")])

    public static let starting = ProgramShape(
        name: "daft", purpose: "starts a system of workstations over ssh",
        uses: [
            Use(
                "start HOSTFILE [OPTIONS]",
                "a metadata server here, a data server on each host; `-` is standard input"),
            Use("join HOST… [OPTIONS]", "a data server on more hosts of the system started here"),
        ],
        table: .starting, subcommands: client.subcommands, hasOnlySubcommands: true, description: [], examples: [],
        files: [])

    public static let job = ProgramShape(
        name: "daft-run", purpose: "stages data in a job, by MPI: a data server per node and a metadata server",
        uses: [
            Use("[OPTIONS] COMMAND ARG…", "one command, then end   (as in: mpirun -np 5 daft-run put DIR)"),
            jobFile, prompt,
            Use("[OPTIONS] serve", "serve `daft` clients until `daft quit` or a signal"),
            Use("[OPTIONS] --directives SCRIPT", "the `#DAFT COMMAND…` lines of a job script"),
            Use("--launch [OPTIONS] …", "any of these on the nodes of the job, without mpirun"),
            Use("--each[=K] PROGRAM ARG…", "any program on each node of the job, K times (once)"),
            Use("job -i PATH… [-o DIR] -- COMMAND…", "stage, run, bring results back   (more: daft-run job --help)"),
        ],
        table: .job,
        subcommands: [
            Subcommand(
                word: "job", operand: "-i PATH… [-o DIR] [OPTIONS] -- COMMAND ARG…",
                purpose: "stage files onto the nodes of a job, run a command there, bring its results back",
                options: .jobCommand)
        ],
        serves: true,
        description: [
            whatItIs,
            """
            mpirun or srun starts this program on every node of a job, and once more on the first. Rank 0 is the \
            metadata server and reads the commands; the others are data servers. With --launch it starts itself on \
            the nodes of a job of Slurm, OAR, PBS or LSF.
            """,
        ],
        examples: [
            Use("daft-run --launch bcast /lustre/me/set", "in a job: copy to every node"),
            Use("mpirun -np 5 daft-run -f stage.daft", "run a job file with four data servers"),
            Use("daft-run --launch gather results --to /lustre/me/out", "copy results back from every node"),
            Use("daft-run --launch serve & daft put results", "serve the tasks of the job"),
            Use("daft-run job -i /lustre/me/set -o out -- ./train", "a whole job: stage, run, copy results back"),
        ],
        files: [store, Use("DIR/.daft/door", "the socket of clients while it serves")])

    public static let solo = ProgramShape(
        name: "daft-solo", purpose: "a whole system in one process, to try it",
        uses: [oneCommand, jobFile, prompt],
        table: .common + OptionTable.logging + OptionTable.tracing + [
            Option(
                "-np", value: "N", variable: "DAFT_NP",
                meaning: "number of data servers (4, or one per host of --hosts)"),
            Option("--hosts", value: "A,B,…", variable: "DAFT_HOSTS", meaning: "names of the simulated nodes"),
        ],
        description: [
            whatItIs,
            """
            This program runs all ranks in one process, to try daft. Each data server has its own store: DIR, DIR.1, \
            DIR.2 and so on, or with --hosts DIR-HOST.
            """,
        ],
        examples: [Use("daft-solo -np 3 --store /tmp/try bcast set", "three copies of set, below /tmp/try")],
        files: [store])

    /// The installed programs.
    public static let all = [client, job, solo]
}
