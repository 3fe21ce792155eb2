// `daft-run --launch …`: executes srun or mpirun to start this program on the job's nodes; with `--each`, another
// program. It then receives this process's signals, and its exit status is ours.

import DaftCommand
import DaftModel
import DaftShell
import Glibc

/// Returns the exit status if nothing was or could be started.
func launch(_ options: Options) -> Int32 {
    if options.isJob { return runJob(options) }
    do throws(Failure) {
        let line = try launchLine(options)
        if options.flag("--dry-run") ?? false {
            writeLine(shellLine(line), to: STDOUT_FILENO)
            return 0
        }
        if !options.isEach, !options.readsInput, !isOnTerminal { readNothing() }
        throw replace(with: line)
    } catch {
        writeLine(Array("daft: \(error)".utf8), to: STDERR_FILENO)
        return error.exitStatus
    }
}

private func launchLine(_ options: Options) throws(Failure) -> [[UInt8]] {
    let system = BatchSystem.ofThisJob
    let nodes = try jobNodes(options, system).beginning(with: hostName())
    let line = try options.isEach ? ofOther(options, on: nodes) : ofThis(options, on: nodes)
    if system == .slurm, srunOffersPMIx() { return line.srun(onTerminal: !options.isEach && isOnTerminal) }
    return line.mpirun(
        mpirun(), agent: system == .oar ? remoteShellOfOAR() : nil,
        variables: options.isEach ? forwarded() : nodes.contains(hostName()) ? [] : clusterProgram.variableNames())
}

extension Options {
    /// Whether commands or data come from standard input.
    fileprivate var readsInput: Bool {
        let dash = Array("-".utf8)
        if let jobFile { return jobFile == dash }
        let inputs = [dash, Array("--files-from=-".utf8)]
        return command.isEmpty ? value("--directives") == nil : command.contains(where: { inputs.contains($0) })
    }
}

/// A person types and reads the output.
private var isOnTerminal: Bool {
    [STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO].allSatisfy { isatty($0) == 1 }
}

/// Otherwise redirect standard input: srun and mpirun read ahead for rank 0 and would consume the input of a
/// surrounding loop such as `while read f; do …`.
private func readNothing() {
    let file = open("/dev/null", O_RDONLY | O_CLOEXEC)
    guard file >= 0 else { return }
    dup2(file, STDIN_FILENO)
    close(file)
}

private func ofThis(_ options: Options, on nodes: JobNodes) throws(Failure) -> LaunchLine {
    let count = try number(options, "--servers-per-node")
    return LaunchLine(nodes: nodes, serversPerNode: count, program: [try ownPath()] + options.forwarded)
}

private func ofOther(_ options: Options, on nodes: JobNodes) throws(Failure) -> LaunchLine {
    if options.command.isEmpty { throw Failure(.usage, [], "--each needs a program: --each PROGRAM ARG…") }
    let count = options.value("--each") == [] ? 1 : try number(options, "--each")
    return LaunchLine(nodes: nodes, tasksPerNode: count, program: options.command)
}

private func number(_ options: Options, _ name: String) throws(Failure) -> Int {
    do throws(CommandError) { return try options.number(name) ?? 1 } catch { throw error.failure }
}

func jobNodes(_ options: Options, _ system: BatchSystem?) throws(Failure) -> JobNodes {
    if let path = options.value("--hostfile") { return try JobNodes(file: try contents(of: path), path: shown(path)) }
    guard let system, let (variable, value) = system.nodes else {
        let wanted = BatchSystem.allCases.compactMap(\.nodesVariables.first).joined(separator: ", ")
        throw Failure(
            .usage, [],
            "this is no job: none of \(wanted) is set; name the nodes with --hostfile FILE")
    }
    if system == .slurm { return try JobNodes(list: value.utf8, variable: variable) }
    return try JobNodes(file: try contents(of: Array(value.utf8)), path: value)
}

extension BatchSystem {
    /// The batch system whose node list is in the environment.
    static var ofThisJob: BatchSystem? { allCases.first { $0.nodes != nil } }

    var nodes: (variable: String, value: String)? {
        for name in nodesVariables {
            if let value = getenv(name).map({ String(cString: $0) }), !value.isEmpty { return (name, value) }
        }
        return nil
    }
}

/// With PMIx, the surviving ranks continue after a rank or node dies.
private func srunOffersPMIx() -> Bool {
    guard answer(of: "srun --mpi=list").split(whereSeparator: \.isWhitespace).contains("pmix") else { return false }
    // It may be listed without its library, libpmix.so, which Debian has in libpmix-dev.
    return !answer(of: "srun --mpi=pmix --overlap --test-only true").contains("Invalid MPI type")
}

private func answer(of line: String) -> String {
    guard let stream = popen(line + " </dev/null 2>&1", "r") else { return "" }
    defer { pclose(stream) }
    var answer: [UInt8] = []
    while case let byte = getc(stream), byte != EOF { answer.append(UInt8(truncatingIfNeeded: byte)) }
    return String(decoding: answer, as: UTF8.self)
}

/// Plain ssh if this site has no cpusets, which OAR's oarsh needs. Nil if the user has chosen an agent.
private func remoteShellOfOAR() -> String? {
    if getenv("OMPI_MCA_plm_rsh_agent") != nil { return nil }
    // Without /proc it is not an OAR job.
    let groups = (try? contents(of: Array("/proc/self/cgroup".utf8))) ?? []
    return String(decoding: groups, as: UTF8.self).split(separator: "/").contains("oar") ? "oarsh" : "ssh"
}

/// mpirun called by its full path passes its prefix to other nodes, for its parts and libraries. Not needed for
/// /usr/bin; and an executable alone in its directory is a wrapper.
private func mpirun() -> [UInt8] {
    let name = Array("mpirun".utf8)
    let directories = getenv("PATH").map { String(cString: $0) }?.split(separator: ":") ?? []
    guard let first = directories.first(where: { access("\($0)/mpirun", X_OK) == 0 }) else { return name }
    if first == "/usr/bin" || first == "/bin" || access("\(first)/orted", X_OK) != 0 { return name }
    return Array("\(first)/mpirun".utf8)
}

/// Names of the environment variables to forward, as srun does: all except those of this node, login session and
/// another mpirun. Exported bash functions have a % in their names.
private func forwarded() -> [String] {
    let own: Set = ["_", "HOSTNAME", "OLDPWD", "PWD", "SHLVL"]
    let prefixes = ["OMPI_", "OPAL_", "ORTE_", "PMIX_", "SSH_"]
    // Without /proc no variables are passed on, as with mpirun itself.
    let environment = (try? contents(of: Array("/proc/self/environ".utf8))) ?? []
    let names = environment.split(separator: 0).map { String(decoding: $0.prefix { $0 != 61 }, as: UTF8.self) }
    return names.filter { name in
        !own.contains(name) && !name.contains("%") && !prefixes.contains { name.hasPrefix($0) }
    }
}

/// The full path: on other nodes it may not be in PATH.
func ownPath() throws(Failure) -> [UInt8] {
    var path = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = path.withUnsafeMutableBytes { readlink("/proc/self/exe", $0.baseAddress!, $0.count) }
    guard count > 0 else { throw Failure(.failed, "/proc/self/exe".utf8, String(cString: strerror(errno))) }
    return Array(path.prefix(count))
}

private func contents(of path: [UInt8]) throws(Failure) -> [UInt8] {
    guard let file = fopen(String(decoding: path, as: UTF8.self), "re") else {
        throw Failure(.usage, path, String(cString: strerror(errno)))
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    while case let byte = getc(file), byte != EOF { bytes.append(UInt8(truncatingIfNeeded: byte)) }
    return bytes
}

/// Returns only on failure.
private func replace(with line: [[UInt8]]) -> Failure {
    // Slurm would prefer this file to the given list.
    unsetenv("SLURM_HOSTFILE")
    if line[0] == Array("srun".utf8) {
        // The node list determines the tasks per node; srun would warn that the job's number differs.
        unsetenv("SLURM_NTASKS_PER_NODE")
        // With a tree fence, Slurm 22.05 lets some ranks leave MPI_Init before all are in it, and their messages kill
        // the late ones.
        setenv("SLURM_PMIX_FENCE", "ring", 0)
    }
    var words = line.map { word in withCString(word) { strdup($0) } }
    words.append(nil)
    if let program = words[0] { execvp(program, &words) }
    let reason = String(cString: strerror(errno))
    return Failure(.failed, line[0], "\(reason): Open MPI or Slurm must be in the PATH")
}

private func writeLine(_ line: [UInt8], to file: Int32) {
    let text = line + [UInt8(ascii: "\n")]
    _ = write(file, text, text.count)
}
