// Open MPI parameters: better defaults, set in the environment before MPI_Init unless the user or administrator has set
// them (by mpirun --mca, the environment, or a parameter file). Settings in Debian's own file do not count.

import Glibc

/// A parameter we would set, and the result.
public struct MPIParameter: Hashable, Sendable {
    public let name: String
    public let value: String
    public let reason: String
    /// Who had set it already; nil: we set it.
    public internal(set) var leftSince: String?

    public var description: String {
        if let leftSince { return "\(name) is left as it is, since \(leftSince)" }
        return "\(name)=\(value) is set, since \(reason)"
    }
}

public enum MPIParameters {
    /// Has an entry for each device of a fast fabric.
    private static let fastFabrics = "/sys/class/infiniband"
    /// Each of these selects the network; if one is set, none is changed.
    private static let networks = ["pml", "btl", "mtl"]
    private static let interfaces = "/sys/class/net"
    private static let choosingInterfaces = ["btl_tcp_if_include", "btl_tcp_if_exclude"]
    /// Open MPI's own default.
    private static let excluded = "127.0.0.1/8,sppp"
    /// Node-internal networks of containers and virtual machines: they have the same address on every node, so ranks
    /// would connect to themselves.
    private static let inner: Set<String> = ["docker0", "podman0", "cni0", "virbr0", "lxcbr0", "lxdbr0"]
    /// The settings of Debian's openmpi-mca-params.conf.
    private static let debian = ["mtl": "^ofi", "btl": "^uct,openib,ofi", "pml": "^ucx", "osc": "^ucx,pt2pt"]

    /// Sets parameters that nobody has set; returns those set and those left alone, for `-v`.
    public static func choose() -> [MPIParameter] {
        let directories = ["/etc/openmpi"] + (variable("OPAL_PREFIX").map { [$0 + "/etc"] } ?? [])
        let files =
            (variable("HOME").map { [$0 + "/.openmpi/mca-params.conf"] } ?? [])
            + directories.map { $0 + "/openmpi-mca-params.conf" }
        let decided = decide(
            hasFastFabric: !entries(fastFabrics).isEmpty, interfaces: entries(interfaces), variable: variable,
            files: files)
        for parameter in decided where parameter.leftSince == nil {
            setenv("OMPI_MCA_" + parameter.name, parameter.value, 0)
        }
        return decided
    }

    /// The parameters we want in this environment, and those already set.
    static func decide(
        hasFastFabric: Bool, interfaces: [String], variable: (String) -> String?, files: [String]
    ) -> [MPIParameter] {
        var wishes: [(wish: MPIParameter, rivals: [String])] = []
        if hasFastFabric {
            // Excludes nothing instead of requiring UCX, because requiring it ends the job if it cannot be used.
            let wish = MPIParameter(
                name: "pml", value: "^none",
                reason: "a fast fabric is here, and Debian's configuration would leave it for TCP")
            wishes.append((wish, networks))
        }
        let inside = interfaces.filter(inner.contains).sorted()
        if !inside.isEmpty {
            let wish = MPIParameter(
                name: "btl_tcp_if_exclude", value: ([excluded] + inside).joined(separator: ","),
                reason: "\(inside.joined(separator: ", ")) leads to no other node")
            wishes.append((wish, choosingInterfaces))
        }
        return wishes.map { wish, rivals in
            var wish = wish
            wish.leftSince =
                chosen(rivals, variable) ?? files.lazy.compactMap { chosen(rivals, inFile: $0) }.first
            return wish
        }
    }

    private static func chosen(_ rivals: [String], _ variable: (String) -> String?) -> String? {
        rivals.map { "OMPI_MCA_" + $0 }.first { variable($0) != nil }.map { "\($0) is set" }
    }

    private static func chosen(_ rivals: [String], inFile path: String) -> String? {
        settings(inFile: path).first { rivals.contains($0.name) && debian[$0.name] != $0.value }
            .map { "\(path) sets \($0.name)" }
    }

    private static func settings(inFile path: String) -> [(name: String, value: String)] {
        guard let file = fopen(path, "r") else { return [] }
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer {
            fclose(file)
            free(line)
        }
        var settings: [(name: String, value: String)] = []
        while getline(&line, &capacity, file) > 0, let text = line {
            if let setting = setting(in: String(cString: text)) { settings.append(setting) }
        }
        return settings
    }

    /// Parses a line `name = value` of a parameter file.
    static func setting(in line: String) -> (name: String, value: String)? {
        let text = line.prefix { $0 != "#" }
        guard let equals = text.firstIndex(of: "=") else { return nil }
        let name = text[..<equals].filter { !$0.isWhitespace }
        let value = text[text.index(after: equals)...].filter { !$0.isWhitespace }
        return name.isEmpty ? nil : (name, value)
    }

    private static func entries(_ path: String) -> [String] {
        guard let directory = opendir(path) else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if !name.hasPrefix(".") { names.append(name) }
        }
        return names
    }

    private static func variable(_ name: String) -> String? { getenv(name).map { String(cString: $0) } }
}
