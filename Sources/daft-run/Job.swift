// `daft-run job`, on the node of the job script: creates the job's directories on every node, stages the files, runs
// the command, copies its results to the output directory and removes the directories.
//
// On SIGTERM, SIGINT or SIGHUP it forwards the signal to the command, copies the results within the grace period, and
// removes nothing: the same job, restarted on these nodes, finds the staged files and the command's output.
//
// A cancelled Slurm job cannot start further steps. If results are wanted, a server therefore runs from the start.

import DaftCommand
import DaftModel
import DaftShell
import Glibc

/// Why a job ends early; the reason has been printed.
private enum JobEnd: Error {
    case failed(Int32)
    /// Ended by a signal; whether its command had been started.
    case signalled(isStarted: Bool)
}

func runJob(_ options: Options) -> Int32 {
    do throws(CommandError) {
        let request = try JobRequest(options.command.dropFirst())
        do throws(Failure) {
            return try Job(request, options).run()
        } catch {
            Job.writeLine("\(error)")
            return error.exitStatus
        }
    } catch {
        Job.writeLine("\(error.reason)\ndaft: `daft-run job --help` says more")
        return 2
    }
}

private struct Job {
    private static let graceSeconds: UInt32 = 25

    private let request: JobRequest
    private let steps = JobSteps()
    private let system: BatchSystem?
    private let nodeCount: Int
    private let directories: JobDirectories
    /// Absolute path for the results.
    private let output: [UInt8]?
    private let graceMilliseconds: UInt64
    private let program: [UInt8]
    private let identity: JobIdentity

    init(_ request: JobRequest, _ options: Options) throws(Failure) {
        self.request = request
        system = BatchSystem.ofThisJob
        let nodes = try jobNodes(options, system)
        nodeCount = nodes.names.count
        if system == .slurm, request.tasksPerNode != nil {
            throw Failure(.usage, [], "--tasks is for jobs without Slurm: give --ntasks-per-node to sbatch")
        }
        if request.serves, !nodes.contains(hostName()) {
            throw Failure(.usage, [], "--serve works on a node of the job alone, and \(hostName()) is none")
        }
        graceMilliseconds = UInt64(options.graceSeconds ?? Job.graceSeconds) * 1_000
        program = try ownPath()
        identity = try JobIdentity(hostfile: options.value("--hostfile"))
        directories = identity.directories
        output = try request.output.map { [identity] path throws(Failure) in try identity.output(below: path) }
        for given in options.typedVariables { Job.set(given.name, given.value) }
        Job.set("STAGED", request.sources.isEmpty ? variable("STAGED") ?? directories.staged : directories.staged)
        Job.set("RESULTS", directories.results)
        Job.set("DAFT_STORE", directories.staged)
        if request.isDiffused, !request.serves { Job.set("DAFT_CHUNK_SIZE", Array("16M".utf8)) }
    }

    private static func set(_ name: String, _ value: [UInt8]) { _ = withCString(value) { setenv(name, $0, 1) } }

    static func writeLine(_ line: String) {
        let text = Array("daft-run job: \(line)\n".utf8)
        _ = write(STDERR_FILENO, text, text.count)
    }

    /// Slurm starts no step in a cancelled job.
    private var keepsSystem: Bool { request.serves || system == .slurm && output != nil }

    func run() -> Int32 {
        var server: pid_t?
        do throws(JobEnd) {
            try step(onEachNode(Job.preparing), else: "not every node has \(shown(directories.directory))")
            Job.writeLine(
                "\(nodeCount) node\(nodeCount == 1 ? "" : "s"), with the files in \(shown(variable("STAGED") ?? []))")
            if keepsSystem { server = try startServer() }
            if let status = try stage(server) {
                end(server)
                clean(Job.removingStaged)
                return status
            }
            let status = try runCommand()
            let missing = gather(server)
            end(server)
            if missing == 0 { clean(Job.removing) }
            return status > 0 ? status : missing
        } catch {
            if case .signalled(isStarted: true) = error { _ = gather(server) }
            end(server)
            if case .failed(let status) = error { return status }
            Job.writeLine(
                "told to end by \(signalName); what is staged stays on the nodes, in \(shown(directories.directory))")
            steps.endAll()
            return 128 + (steps.endSignal?.signal ?? SIGTERM)
        }
    }

    // MARK: steps

    /// Run by a shell on each node, with the job's directory as $1. None of them removes results.
    private static let preparing = """
        umask 077; [ -d "$1" ] || mkdir "$1"
        [ -O "$1" ] && [ ! -L "$1" ] || { echo "$(hostname): $1 is not ours" >&2; exit 1; }
        chmod 700 "$1" && mkdir -p "$1/results"
        """
    /// The command may have created directories without write permission.
    private static let removing = #"rm -rf "$1" 2>/dev/null || { chmod -R u+w "$1"; rm -rf "$1"; }"#
    private static let removingStaged = #"""
        cd "$1" && rm -rf staged staged.mds staged.[0-9]*; cd /; rmdir "$1/results" "$1" 2>/dev/null
        [ ! -e "$1" ] || echo "daft-run job: $(hostname): results of an earlier run stay in $1/results" >&2
        """#

    private func onEachNode(_ line: String) -> [[UInt8]] {
        [program] + ["--each", "sh", "-c", line, "sh"].map { Array($0.utf8) } + [directories.directory]
    }

    /// Starts a server for clients on the nodes until the job ends; returns once it answers.
    private func startServer() throws(JobEnd) -> pid_t {
        // It ends with the job, however often Slurm signals it.
        let server = try start([program] + ["--launch", "--grace", "24h", "serve"].map { Array($0.utf8) })
        while true {
            let asked = try start([client] + [Array("status".utf8)], isMute: true)
            if let status = steps.wait(for: asked), status == 0 { return server }
            if steps.endSignal != nil {
                end(server)
                throw .signalled(isStarted: false)
            }
            guard steps.isRunning(server) else {
                Job.writeLine("the servers of daft have ended")
                throw .failed(1)
            }
        }
    }

    /// The exit status if staging was incomplete.
    private func stage(_ server: pid_t?) throws(JobEnd) -> Int32? {
        guard let words = request.staging else { return nil }
        if request.isDiffused, !request.serves {
            let line = #"""
                large=$(find -H "$@" -type f -size +16777216c -print -quit)
                [ -z "$large" ] || { echo "$large is larger than 16 MiB: no node would have all of it" >&2; exit 1; }
                """#
            let status = try status(of: ["sh", "-c", line, "sh"].map { Array($0.utf8) } + request.sources)
            if status != 0 { return status }
        }
        let status = try status(of: daft(words, server))
        if status == 0 { return nil }
        Job.writeLine("not all is staged, so the command is not run")
        return status
    }

    /// The command line for the running server, or else for a system started for it.
    private func daft(_ words: [[UInt8]], _ server: pid_t?) -> [[UInt8]] {
        if let server, steps.isRunning(server) { return [client] + words }
        return [program, Array("--launch".utf8)] + words
    }

    /// The client installed beside this program.
    private var client: [UInt8] {
        let name = Array("daft".utf8)
        let directory = program.lastIndex(of: UInt8(ascii: "/")).map { program[...$0] } ?? []
        return withCString(directory + name) { access($0, X_OK) == 0 } ? directory + name : name
    }

    private func runCommand() throws(JobEnd) -> Int32 {
        let each = request.tasksPerNode.map { "--each=\($0)" } ?? "--each"
        let starter = system == .slurm ? [Array("srun".utf8)] : [program, Array(each.utf8)]
        let process = try start(starter + request.command, readsInput: true)
        if let status = steps.wait(for: process) {
            Job.writeLine("the command has ended with status \(status)")
            return status
        }
        let half = deadline - graceMilliseconds / 2
        // The command may have received the signal too. mpirun takes a second signal as permission to abandon its
        // tasks.
        let patience = deadline - graceMilliseconds + (system == .slurm ? 1_000 : 3_000)
        if steps.wait(for: process, until: min(half, patience), heedsSignals: false) == nil {
            signalEnd(process)
            if steps.wait(for: process, until: half, heedsSignals: false) == nil {
                Job.writeLine("the command goes on; its results are copied as they are")
            }
        }
        throw .signalled(isStarted: true)
    }

    /// scancel delivers signals to the step, srun does not forward them. In an ending job it would retry for a minute.
    private func signalEnd(_ process: pid_t) {
        guard system == .slurm else { return steps.signal(process, SIGTERM) }
        let words = [Array("scancel".utf8), Array("--signal=TERM".utf8), variable("SLURM_JOB_ID") ?? []]
        // Without scancel, Slurm ends the steps with the job.
        guard let scancel = try? steps.start(words, isMute: true) else { return }
        let patience = monotonicMilliseconds() + 2_000
        if steps.wait(for: scancel, until: patience, heedsSignals: false) == nil { steps.signal(scancel, SIGKILL) }
    }

    /// Copies the results to the output directory, within the grace period if signalled; returns the exit status.
    private func gather(_ server: pid_t?) -> Int32 {
        guard let output else { return 0 }
        let words = ["gather", "--to"].map { Array($0.utf8) } + [output, directories.results]
        var status: Int32? = 1
        // `start` has reported the error, here and below.
        if let process = try? start(daft(words, server)) {
            status = steps.endSignal == nil ? steps.wait(for: process) : nil
            if status == nil { status = steps.wait(for: process, until: deadline, heedsSignals: false) }
            if status == nil { steps.signal(process, SIGTERM) }
        }
        if status != 0 {
            Job.writeLine(
                "not all results are in \(shown(output)); they stay on the nodes, in \(shown(directories.results))")
        }
        return status ?? 1
    }

    private func end(_ server: pid_t?) {
        guard let server, steps.isRunning(server) else { return }
        let patience = monotonicMilliseconds() + 5_000
        if let quit = try? start([client, Array("quit".utf8)], isMute: true) {
            _ = steps.wait(for: quit, until: patience, heedsSignals: false)
        }
        if steps.wait(for: server, until: patience, heedsSignals: false) == nil { steps.signal(server, SIGTERM) }
        if steps.wait(for: server, until: patience + 2_000, heedsSignals: false) == nil {
            steps.signal(server, SIGKILL)
        }
    }

    private func clean(_ line: String) {
        let process = try? start(onEachNode(line))
        let isDone = process.map { steps.wait(for: $0, until: .max, heedsSignals: false) == 0 } ?? false
        if !isDone { Job.writeLine("\(shown(directories.directory)) is left on some node") }
    }

    // MARK: processes

    private func start(
        _ words: [[UInt8]], readsInput: Bool = false, isMute: Bool = false
    ) throws(JobEnd) -> pid_t {
        do throws(Failure) {
            return try steps.start(words, readsInput: readsInput, isMute: isMute)
        } catch {
            Job.writeLine("\(error)")
            throw .failed(127)
        }
    }

    /// The exit status of a step; it is ended if the job is signalled.
    private func status(of words: [[UInt8]]) throws(JobEnd) -> Int32 {
        let process = try start(words)
        if let status = steps.wait(for: process) { return status }
        // Its processes may have received the signal too: let them finish first.
        if steps.wait(for: process, until: monotonicMilliseconds() + 1_000, heedsSignals: false) == nil {
            steps.signal(process, SIGTERM)
            _ = steps.wait(for: process, until: deadline, heedsSignals: false)
        }
        throw .signalled(isStarted: false)
    }

    private func step(_ words: [[UInt8]], else message: String) throws(JobEnd) {
        let status = try status(of: words)
        if status == 0 { return }
        Job.writeLine(message)
        throw .failed(status)
    }

    /// The end of the grace period.
    private var deadline: UInt64 { (steps.endSignal?.at ?? 0) + graceMilliseconds }

    private var signalName: String {
        switch steps.endSignal?.signal {
        case SIGINT: "SIGINT"
        case SIGHUP: "SIGHUP"
        default: "SIGTERM"
        }
    }
}
