// Every program, described once: `--help`, the manual pages and the completions of shells read this, the commands'
// table and the options'.

import DaftModel

public struct ProgramShape: Sendable {
    /// One way to call a program, or one thing that it does, and what that means.
    public struct Use: Sendable {
        public let form: String
        public let meaning: String

        init(_ form: String, _ meaning: String) { (self.form, self.meaning) = (form, meaning) }
    }

    /// A command of this program alone.
    public struct OwnWord: Sendable {
        public let word: String
        public let operand: String
        public let purpose: String
        public let options: OptionTable
    }

    public let name: String
    public let purpose: String
    public let uses: [Use]
    public let table: OptionTable
    public var ownWords: [OwnWord] = []
    /// It takes no command but its own words.
    public var hasOwnWordsAlone = false
    /// It can be told to stay and serve clients.
    public var serves = false
    /// A shell may ask it for published names: it answers at once.
    public var knowsNames = false
    /// What it is, paragraph by paragraph.
    let description: [String]
    let examples: [Use]
    let files: [Use]
}

/// What a program's exit status says.
public let exitStatuses: [(status: String, meaning: String)] = [
    ("0", "All is done."),
    ("1", "Something failed: each failure is named, and the rest is done."),
    ("2", "What was typed makes no sense, and nothing was done."),
    ("3", "No such name is published."),
    ("4", "Refused: the name is taken by other content."),
    ("5", "Data is lost or corrupt, and no good copy is left."),
    ("6", "A node or the metadata server cannot be reached."),
    ("7", "Another daft has the store open: try again later."),
    (">128", "Ended by the signal of that number less 128."),
]

extension ProgramShape {
    private static let oneCommand = Use("[OPTIONS] COMMAND ARG…", "one command, then end")
    private static let jobFile = Use("[OPTIONS] -f JOBFILE", "the commands of a job file, then end")
    private static let prompt = Use("[OPTIONS]", "a prompt on a terminal, else the commands of standard input")

    private static let whatItIs = """
        daft brings files from one place onto the local disks of the nodes that compute on them, as plain files, every \
        byte checked by its SHA-256. A directory of each node is its store; what is published stands there under its \
        name, and only .daft in it is daft's own. Names are written once: other content under a taken name is \
        refused, the same content again is done at once. So whatever was interrupted is resumed by running it again.
        """

    private static let store = Use("DIR", "the store, as --store says; .daft in it is daft's own")

    public static let client = ProgramShape(
        name: "daft", purpose: "a client of the daft that runs on this node, and the start of a system of workstations",
        uses: [
            Use("start HOSTFILE [OPTIONS]", "one system of the hosts of a file, over ssh   (more: daft start --help)"),
            Use("join HOST… [OPTIONS]", "further hosts for the system that was started here"),
            oneCommand, jobFile, prompt,
        ],
        // How files are cut and kept is the server's business.
        table: OptionTable(
            OptionTable.common.options.filter { !["--chunk-size", "--copies", "--durable"].contains($0.name) }),
        ownWords: [
            OwnWord(
                word: "start", operand: "HOSTFILE", purpose: "start a system on the hosts of a file, over ssh",
                options: .starting),
            OwnWord(
                word: "join", operand: "HOST", purpose: "add hosts to the system that was started here",
                options: .starting),
        ],
        knowsNames: true,
        description: [
            whatItIs,
            """
            This program is a client: it brings a command to the data server of its node and prints what comes of it. \
            It finds that server by --store, and in a job where neither says, by the same rule as daft-run. On \
            workstations it also starts the system: a metadata server here and a data server on each host of a file, \
            which it copies itself to over ssh. They stay until quit.
            """,
        ],
        examples: [
            Use("daft start hosts", "start a system on the hosts that the file names, one a line, q[1-3] being three"),
            Use("daft bcast set", "bring set to every one of them"),
            Use("daft get /set --to copy", "write it to the local disk, here"),
            Use("daft quit", "end the system; what it keeps stays where it is"),
        ],
        files: [store, Use("DIR/.daft/log", "what the node's data server had to say")])

    public static let starting = ProgramShape(
        name: "daft", purpose: "starts a system of workstations over ssh",
        uses: [
            Use(
                "start HOSTFILE [OPTIONS]",
                "a metadata server here, a data server on each host; `-` is standard input"),
            Use("join HOST… [OPTIONS]", "a data server on further hosts of the system that was started here"),
        ],
        table: .starting, ownWords: client.ownWords, hasOwnWordsAlone: true, description: [], examples: [], files: [])

    public static let job = ProgramShape(
        name: "daft-run", purpose: "stages data in a job: started by mpirun, one process a node and one more",
        uses: [
            Use("[OPTIONS] COMMAND ARG…", "one command, then end   (as in: mpirun -np 5 daft-run put DIR)"),
            jobFile, prompt,
            Use("[OPTIONS] serve", "stay, and serve `daft` clients until `daft quit` or a signal"),
            Use("[OPTIONS] --directives SCRIPT", "the `#DAFT COMMAND…` lines of a job script"),
            Use("--launch [OPTIONS] …", "any of these on the nodes of the job, without mpirun before it"),
            Use("--each[=K] PROGRAM ARG…", "any other program on each node of the job, K times (once)"),
            Use("job -i PATH… [-o DIR] -- COMMAND…", "stage, run, bring results back   (more: daft-run job --help)"),
        ],
        table: .job,
        ownWords: [
            OwnWord(
                word: "job", operand: "-i PATH… [-o DIR] [OPTIONS] -- COMMAND ARG…",
                purpose: "stage files onto the nodes of a job, run a command there, bring its results back",
                options: .jobCommand)
        ],
        serves: true,
        description: [
            whatItIs,
            """
            This program is what runs in a job: mpirun or srun starts it on every node, and once more on the first. \
            Rank 0 is the metadata server and reads the commands, the others are data servers. With --launch it asks \
            Slurm, OAR, PBS or LSF for the nodes of the job and starts itself there.
            """,
        ],
        examples: [
            Use("daft-run --launch bcast /lustre/me/set", "in a job: a complete copy on each of its nodes"),
            Use("mpirun -np 5 daft-run -f stage.daft", "four data servers do what a job file says"),
            Use("daft-run --launch gather results --to /lustre/me/out", "bring back what tasks wrote on every node"),
            Use("daft-run --launch serve & daft put results", "stay beside the job, and serve its tasks"),
            Use("daft-run job -i /lustre/me/set -o out -- ./train", "a whole job, from the files to the results"),
        ],
        files: [store, Use("DIR/.daft/door", "where clients of this node knock while it serves")])

    public static let solo = ProgramShape(
        name: "daft-solo", purpose: "the whole of daft in one process: rank 0 and some data servers, joined by memory",
        uses: [oneCommand, jobFile, prompt],
        table: .common + OptionTable.logging + OptionTable.tracing + [
            Option(
                "-np", value: "N", variable: "DAFT_NP",
                meaning: "how many data servers (4, or one for each of --hosts)"),
            Option("--hosts", value: "A,B,…", variable: "DAFT_HOSTS", meaning: "the nodes that they pretend to be on"),
        ],
        description: [
            whatItIs,
            """
            This program is for trying it: all ranks are in one process on this machine, and are joined by memory. \
            Each data server has a store of its own: DIR, DIR.1, DIR.2 and so on, or with --hosts DIR-HOST.
            """,
        ],
        examples: [Use("daft-solo -np 3 --store /tmp/try bcast set", "three copies of set, below /tmp/try")],
        files: [store])

    /// Those that are installed.
    public static let all = [client, job, solo]
}
