// The options of `daft start` and `daft join` besides the common ones.

import DaftModel
import DaftWire

extension OptionTable {
    /// A starting workstation system has no job file.
    public static let starting =
        OptionTable(OptionTable.common.options.filter { $0.name != "-f" && $0.name != "--no-progress" }) + [
            Option("--mds", value: "HOST", variable: "DAFT_MDS", meaning: "the metadata server's host (here)"),
            Option("--port", value: "PORT", variable: "DAFT_PORT", meaning: "the metadata server's port (any)"),
            Option(
                "--ports", value: "A-B", variable: "DAFT_PORTS",
                meaning: "listen only on TCP ports of this range, two per node (any)"
            ),
            Option(
                "--repair-after", value: "TIME", variable: "DAFT_REPAIR_AFTER",
                meaning: "make copies of what is on a data server away for so long (10m)"),
            Option(
                "--orphan-timeout", value: "TIME", variable: "DAFT_ORPHAN_TIMEOUT",
                meaning: "end a data server without a metadata server for so long (24h)"),
            Option("--rebuild", variable: "DAFT_REBUILD", meaning: "rebuild the catalogue from the stores"),
            Option("--encrypt", variable: "DAFT_ENCRYPT", meaning: "encrypt traffic between nodes (yes)"),
            Option(
                "--no-encrypt", variable: "DAFT_NO_ENCRYPT", meaning: "send the bytes of files in the clear"),
            Option("--no-durable", variable: "DAFT_NO_DURABLE", meaning: "do not wait for the disks"),
            Option(
                "--all-or-nothing", variable: "DAFT_ALL_OR_NOTHING",
                meaning: "end everything if a host cannot be started"),
            Option(
                "--launch-timeout", value: "TIME", variable: "DAFT_LAUNCH_TIMEOUT",
                meaning: "give up a host silent for so long (20s)"),
            logLevel,
            Option(
                "--ssh", value: "COMMAND", variable: "DAFT_SSH",
                meaning: "the remote shell, with its options (ssh)"),
        ]
}

public struct StartOptions: Hashable, Sendable {
    /// Nil: this host.
    public let metadataServer: Host?
    public let isAllOrNothing: Bool
    public let patienceSeconds: Int
    public let ssh: [String]
    private let port: UInt16?
    public let ports: PortRange?
    private let orphanSeconds: UInt32?
    private let repairAfterSeconds: UInt32?
    private let rebuilds: Bool
    public let encrypts: Bool
    private let durable: Bool

    public init(_ options: Options) throws(CommandError) {
        metadataServer = try options.value("--mds").map { word throws(CommandError) in
            let found = try hosts(word)
            guard found.count == 1 else { throw CommandError("--mds: `\(shown(word))` is more than one host") }
            return found[0]
        }
        isAllOrNothing = options.flag("--all-or-nothing") ?? false
        patienceSeconds = Int(try options.time("--launch-timeout") ?? 20)
        ssh = try StartOptions.ssh(options)
        port = try StartOptions.port(options)
        ports = try options.value("--ports").map { text throws(CommandError) in
            if let ports = PortRange(text) { return ports }
            throw CommandError("--ports: `\(shown(text))` is no range of ports such as 5000-5100")
        }
        if let port, let ports, !ports.contains(port) {
            throw CommandError("--port: \(port) is none of the --ports \(ports)")
        }
        orphanSeconds = options.orphanSeconds
        repairAfterSeconds = try options.time("--repair-after")
        rebuilds = options.flag("--rebuild") ?? false
        encrypts = try StartOptions.choice("--encrypt", options)
        durable = try StartOptions.choice("--durable", options)
        for name in ["--store", "--catalogue"] {
            guard let path = options.value(name), path.first != Name.slash || path.contains(0) else { continue }
            throw CommandError("\(name): `\(shown(path))` is no absolute path, as other hosts need it")
        }
    }

    /// Applies these options and the common ones to `order`.
    public func apply(_ options: Options, to order: inout NodeOrder) {
        order.store = options.store ?? []
        order.group = options.value("--group") ?? []
        order.chunkSize = options.chunkSize
        order.compression = options.compression
        order.logLevel = options.logLevel
        (order.durable, order.encrypts, order.rebuilds) = (durable, encrypts, rebuilds)
        order.copies = UInt8(clamping: options.copies.number)
        if let port { order.port = port }
        if let ports { order.ports = ports }
        if let orphanSeconds { order.orphanSeconds = orphanSeconds }
        if let repairAfterSeconds { order.repairAfterSeconds = repairAfterSeconds }
    }

    /// Evaluates `--NAME` and `--no-NAME`; on by default.
    private static func choice(_ name: String, _ options: Options) throws(CommandError) -> Bool {
        let opposite = "--no-" + name.dropFirst(2)
        let (wanted, unwanted) = (options.flag(name), options.flag(opposite) ?? false)
        if wanted == true, unwanted { throw CommandError("\(name) does not go with \(opposite)") }
        return unwanted ? false : wanted ?? true
    }

    private static func port(_ options: Options) throws(CommandError) -> UInt16? {
        guard let number = try options.number("--port") else { return nil }
        guard let port = UInt16(exactly: number) else { throw CommandError("--port: \(number) is more than 65535") }
        return port
    }

    private static func ssh(_ options: Options) throws(CommandError) -> [String] {
        guard let value = options.value("--ssh") else { return ["ssh"] }
        let words = try words(of: value).map { String(decoding: $0.bytes, as: UTF8.self) }
        if words.isEmpty { throw CommandError("--ssh: no command") }
        return words
    }
}
