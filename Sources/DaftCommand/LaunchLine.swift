// The command that starts a system on the nodes of a job: data servers on each node, and the metadata server beside the
// first of them. Or any other program, on each node.

public struct LaunchLine: Sendable {
    private let nodes: [String]
    private let perNode: Int
    private let isSystem: Bool
    private let program: [[UInt8]]

    /// `program` is what each rank is started as, with its arguments.
    public init(nodes: JobNodes, serversPerNode: Int, program: [[UInt8]]) {
        (self.nodes, perNode, isSystem, self.program) = (nodes.names, serversPerNode, true, program)
    }

    /// `program` is none of ours.
    public init(nodes: JobNodes, tasksPerNode: Int, program: [[UInt8]]) {
        (self.nodes, perNode, isSystem, self.program) = (nodes.names, tasksPerNode, false, program)
    }

    private var besides: Int { isSystem ? 1 : 0 }
    private var rankCount: Int { nodes.count * perNode + besides }

    /// In an allocation of Slurm. The list says node by node where each rank runs. The metadata server has no processor
    /// of its own, hence `--overcommit`; other steps of the job may have all of them, hence `--overlap`. Without
    /// `--disable-status` a Ctrl-C makes srun list its tasks, and the ranks hear nothing of it.
    /// `onTerminal`: rank 0 has a terminal of its own for that of the user, as the prompt and progress need it.
    public func srun(onTerminal: Bool = false) -> [[UInt8]] {
        let list = Array(repeating: nodes[0], count: besides) + nodes.flatMap { Array(repeating: $0, count: perNode) }
        return bytes(["srun"] + (isSystem ? ["--mpi=pmix"] : []))
            + bytes([
                "--overlap", "--overcommit", "--disable-status", "--distribution=arbitrary",
                onTerminal ? "--pty" : "--input=0",
                "--nodelist=" + list.joined(separator: ","), "--ntasks=\(rankCount)",
            ]) + program
    }

    /// Over whatever mpirun reaches other nodes with; `agent` says it where mpirun would not find out. `command` is the
    /// mpirun itself, and `variables` are those of the environment that the other nodes get as well.
    public func mpirun(
        _ command: [UInt8] = Array("mpirun".utf8), agent: String? = nil, variables: [String] = []
    ) -> [[UInt8]] {
        let hosts = nodes.enumerated().map { "\($1):\(perNode + ($0 == 0 ? besides : 0))" }
        var words = ["--bind-to", "none", "--oversubscribe", "--map-by", "slot"]
        if let agent { words += ["--mca", "plm_rsh_agent", agent] }
        for variable in variables { words += ["-x", variable] }
        words += ["--host", hosts.joined(separator: ","), "-np", "\(rankCount)"]
        return [command] + bytes(words) + program
    }

    private func bytes(_ words: [String]) -> [[UInt8]] { words.map { Array($0.utf8) } }
}

/// A command as it could be typed into a shell.
public func shellLine(_ words: [[UInt8]]) -> [UInt8] {
    Array(words.map(shellWord).joined(separator: [UInt8(ascii: " ")]))
}

private func shellWord(_ word: [UInt8]) -> [UInt8] {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-".utf8)
    if !word.isEmpty, word.allSatisfy(plain.contains) { return word }
    let quote = UInt8(ascii: "'")
    return [quote] + word.flatMap { $0 == quote ? Array("'\\''".utf8) : [$0] } + [quote]
}
