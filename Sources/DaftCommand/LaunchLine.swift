// The command line that starts a system in a job: data servers on each node, and the metadata server on the first. Or
// any other program on each node.

public struct LaunchLine: Sendable {
    private let nodes: [String]
    private let perNode: Int
    private let isSystem: Bool
    private let program: [[UInt8]]

    /// `program` is the command line of each rank.
    public init(nodes: JobNodes, serversPerNode: Int, program: [[UInt8]]) {
        (self.nodes, perNode, isSystem, self.program) = (nodes.names, serversPerNode, true, program)
    }

    /// `program` is any other program.
    public init(nodes: JobNodes, tasksPerNode: Int, program: [[UInt8]]) {
        (self.nodes, perNode, isSystem, self.program) = (nodes.names, tasksPerNode, false, program)
    }

    private var besides: Int { isSystem ? 1 : 0 }
    private var rankCount: Int { nodes.count * perNode + besides }

    /// For a Slurm allocation. The node list places each rank. `--overcommit`: the metadata server has no processor of
    /// its own. `--overlap`: other steps may use all processors. Without `--disable-status` srun handles Ctrl-C by
    /// listing tasks and does not forward it. `onTerminal`: gives rank 0 a pseudo-terminal, as the prompt and progress
    /// need.
    public func srun(onTerminal: Bool = false) -> [[UInt8]] {
        let list = Array(repeating: nodes[0], count: besides) + nodes.flatMap { Array(repeating: $0, count: perNode) }
        return bytes(["srun"] + (isSystem ? ["--mpi=pmix"] : []))
            + bytes([
                "--overlap", "--overcommit", "--disable-status", "--distribution=arbitrary",
                onTerminal ? "--pty" : "--input=0",
                "--nodelist=" + list.joined(separator: ","), "--ntasks=\(rankCount)",
            ]) + program
    }

    /// For mpirun's remote launcher; `agent` names it if mpirun cannot find it. `command` is mpirun itself, and
    /// `variables` are the environment variables to forward.
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

/// A command quoted for a shell.
public func shellLine(_ words: [[UInt8]]) -> [UInt8] {
    Array(words.map(shellWord).joined(separator: [UInt8(ascii: " ")]))
}

private func shellWord(_ word: [UInt8]) -> [UInt8] {
    let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789@%+=:,./_-".utf8)
    if !word.isEmpty, word.allSatisfy(plain.contains) { return word }
    let quote = UInt8(ascii: "'")
    return [quote] + word.flatMap { $0 == quote ? Array("'\\''".utf8) : [$0] } + [quote]
}
