// The nodes of a batch job. Slurm gives a list with ranges; the others give a file with a line per core, which repeats
// nodes; a user may give either kind.

import DaftModel

/// The supported batch systems, in order of detection.
public enum BatchSystem: String, CaseIterable, Sendable {
    case slurm = "Slurm"
    case oar = "OAR"
    case pbs = "PBS"
    case lsf = "LSF"

    /// Variables that have the job's nodes; the first one set is used.
    public var nodesVariables: [String] {
        switch self {
        case .slurm: ["SLURM_JOB_NODELIST"]
        case .oar: ["OAR_NODEFILE", "OAR_NODE_FILE"]
        case .pbs: ["PBS_NODEFILE"]
        case .lsf: ["LSB_DJOB_HOSTFILE"]
        }
    }

    /// Variables that identify the job; all that are set are combined.
    public var idVariables: [String] {
        switch self {
        case .slurm: ["SLURM_JOB_ID"]
        case .oar: ["OAR_JOB_ID"]
        case .pbs: ["PBS_JOBID"]
        case .lsf: ["LSB_JOBID", "LSB_JOBINDEX"]
        }
    }
}

public struct JobNodes: Hashable, Sendable {
    /// Each node once, in the given order.
    public private(set) var names: [String] = []
    private var known: Set<String> = []

    /// In Slurm's format: `n[1-3,07-09],m4`.
    public init(list: some Collection<UInt8>, variable: String) throws(Failure) {
        var start = list.startIndex
        var depth = 0
        var index = list.startIndex
        while index != list.endIndex {
            let byte = list[index]
            if byte == UInt8(ascii: "[") { depth += 1 }
            if byte == UInt8(ascii: "]") { depth -= 1 }
            if byte == UInt8(ascii: ","), depth == 0 {
                try add(list[start..<index], at: variable)
                start = list.index(after: index)
            }
            index = list.index(after: index)
        }
        try add(list[start...], at: variable)
    }

    /// One node per line, repeated per core, optionally followed by mpirun parameters such as `slots=4`; `#` starts a
    /// comment. `path` is for messages.
    public init(file bytes: some Collection<UInt8>, path: String) throws(Failure) {
        let lines = bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false)
        for (index, line) in lines.enumerated() {
            let words = line.prefix { $0 != UInt8(ascii: "#") }.split(whereSeparator: isBlank)
            guard let first = words.first else { continue }
            let place = "\(path):\(index + 1)"
            if let odd = words.dropFirst().first(where: { !$0.contains(UInt8(ascii: "=")) }) {
                throw Failure(.usage, place.utf8, "one node a line: `\(shown(odd))` is one too many")
            }
            try add(first, at: place)
        }
        if names.isEmpty { throw Failure(.usage, path.utf8, "there is no node in it") }
    }

    private mutating func add(_ word: some Collection<UInt8>, at place: String) throws(Failure) {
        let found: [Host]
        do throws(CommandError) { found = try hosts(word) } catch {
            throw Failure(.usage, place.utf8, "`\(shown(word))`: \(error.reason)")
        }
        for host in found {
            guard host.user.isEmpty, host.port == 0 else {
                throw Failure(.usage, place.utf8, "\(host): a user or a port is for ~/.ssh/config, not for here")
            }
            if known.insert(host.name).inserted { names.append(host.name) }
        }
        guard names.count <= HostFile.mostHosts else {
            throw Failure(.usage, place.utf8, "more than \(HostFile.mostHosts) nodes")
        }
    }

    /// With the node of the command first, if it is in the list: the metadata server runs there, and `here` means that
    /// node.
    public func beginning(with host: String) -> JobNodes {
        guard let index = index(of: host) else { return self }
        var nodes = self
        nodes.names.insert(nodes.names.remove(at: index), at: 0)
        return nodes
    }

    public func contains(_ host: String) -> Bool { index(of: host) != nil }

    private func index(of host: String) -> Int? { names.firstIndex { firstLabel($0) == firstLabel(host) } }
}

/// A node may call itself `n1` while the batch system says `n1.site.org`, or vice versa.
private func firstLabel(_ host: String) -> String {
    let isNumber = host.utf8.allSatisfy { ("0"..."9").contains(Character(Unicode.Scalar($0))) || $0 == 46 }
    return isNumber ? host : String(host.prefix { $0 != "." }).lowercased()
}
