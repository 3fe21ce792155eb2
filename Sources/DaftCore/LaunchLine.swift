// The command that starts a system on the nodes of a job: data servers on each node, and the metadata server beside the
// first of them.

public struct LaunchLine: Sendable {
    private let nodes: [String]
    private let serversPerNode: Int
    private let program: [[UInt8]]

    /// `program` is what each rank is started as, with its arguments.
    public init(nodes: JobNodes, serversPerNode: Int, program: [[UInt8]]) {
        self.nodes = nodes.names
        self.serversPerNode = serversPerNode
        self.program = program
    }

    private var rankCount: Int { nodes.count * serversPerNode + 1 }

    /// In an allocation of Slurm. The list says node by node where each rank runs. The metadata server has no processor
    /// of its own, hence `--overcommit`; other steps of the job may have all of them, hence `--overlap`.
    public var srun: [[UInt8]] {
        let list = [nodes[0]] + nodes.flatMap { Array(repeating: $0, count: serversPerNode) }
        return bytes([
            "srun", "--mpi=pmix", "--overlap", "--overcommit", "--distribution=arbitrary", "--input=0",
            "--nodelist=" + list.joined(separator: ","), "--ntasks=\(rankCount)",
        ]) + program
    }

    /// Over whatever mpirun reaches other nodes with; `agent` says it where mpirun would not find out.
    public func mpirun(agent: String?) -> [[UInt8]] {
        let hosts = nodes.enumerated().map { "\($1):\(serversPerNode + ($0 == 0 ? 1 : 0))" }
        return bytes(
            ["mpirun", "--bind-to", "none", "--oversubscribe", "--map-by", "slot"]
                + (agent.map { ["--mca", "plm_rsh_agent", $0] } ?? [])
                + ["--host", hosts.joined(separator: ","), "-np", "\(rankCount)"]) + program
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
