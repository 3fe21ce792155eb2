// `daft start HOSTFILE` and `daft join HOST…`: starts a metadata server, here or elsewhere, then a data server on each
// host, over ssh. The system is written to a file first, so that a second start continues the same system.

import DaftCommand
import DaftLaunch
import DaftModel
import DaftShell
import DaftWire
import DaftZMQ
import Glibc

let startProgram = Program(.starting)

struct Start: Sendable {
    private let options: Options
    private let wishes: StartOptions
    private let console: Console
    private let launcher: Launcher
    private let systemDirectory: SystemDirectory

    init(_ invocation: Invocation) throws(Failure) {
        options = invocation.options
        console = invocation.console
        do throws(CommandError) { wishes = try StartOptions(options) } catch { throw error.failure }
        var way = Launcher.Way()
        (way.ssh, way.patienceSeconds) = (wishes.ssh, wishes.patienceSeconds)
        way.wake = console.interruption.wake
        launcher = try Launcher(way)
        systemDirectory = SystemDirectory(catalogue: try options.heldMetadataDirectory(), isHeld: options.isShared)
    }

    /// Performs `start HOSTFILE` or `join HOST…`; returns the exit status.
    func run(_ words: [[UInt8]]) async throws(Failure) -> Int32 {
        if let odd = words.first(where: { $0.count > 1 && $0[0] == UInt8(ascii: "-") }) {
            throw Failure(.usage, [], "unknown option `\(shown(odd))`; `daft start --help` names them all")
        }
        let isNew = words[0] == Array("start".utf8)
        let hosts = try isNew ? hostsOfFile(words.dropFirst()) : hostsNamed(words.dropFirst())
        let known = try systemDirectory.read()
        var system = try isNew ? begun(known, expecting: hosts.count) : joined(known)
        let members = hosts.map { system.member(for: $0) }
        try systemDirectory.write(system)
        let outcome = await startMetadataServer(system)
        await console.show(.metadataServer, on: system.order.host, outcome)
        guard case .success(let report) = outcome else { return console.interruption.exitStatus ?? 1 }
        if report.isResumed, let known { await keep(known.order, in: &system) }
        system.order.port = report.port
        try systemDirectory.write(system)
        return await launch(members, of: system, report, isNew: known == nil)
    }

    /// A running system keeps its configuration, also for joining hosts.
    private func keep(_ order: NodeOrder, in system: inout SystemFile) async {
        var wished = system.order
        (wished.port, wished.expected, wished.rebuilds) = (order.port, order.expected, order.rebuilds)
        if wished != order {
            await console.mention("the system runs with other options, and keeps them: `daft quit` first for new ones")
        }
        system.order = order
    }

    // MARK: hosts

    private func hostsOfFile(_ words: some Collection<[UInt8]>) throws(Failure) -> [Host] {
        guard let path = words.first, words.count == 1 else { throw Failure(.usage, [], "usage: daft start HOSTFILE") }
        let isInput = path == Array("-".utf8)
        return try HostFile(read(path, isInput: isInput), path: isInput ? "standard input" : shown(path)).hosts
    }

    private func read(_ path: [UInt8], isInput: Bool) throws(Failure) -> [UInt8] {
        let file = isInput ? STDIN_FILENO : withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
        guard file >= 0 else { throw Failure(.failed, path, String(cString: strerror(errno))) }
        defer { if !isInput { close(file) } }
        var bytes: [UInt8] = []
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = Glibc.read(file, &piece, piece.count)
            if count < 0, errno != EINTR { throw Failure(.failed, path, String(cString: strerror(errno))) }
            if count == 0 { return bytes }
            bytes += piece.prefix(max(0, count))
            guard bytes.count <= 4 << 20 else { throw Failure(.usage, path, "this is no host file: it is too long") }
        }
    }

    private func hostsNamed(_ words: some Collection<[UInt8]>) throws(Failure) -> [Host] {
        guard !words.isEmpty else { throw Failure(.usage, [], "usage: daft join HOST…") }
        return try HostFile(Array(words.joined(separator: "\n".utf8)), path: "join").hosts
    }

    // MARK: system

    /// The system in the file, which did not end in order, or a new one.
    private func begun(_ written: SystemFile?, expecting count: Int) throws(Failure) -> SystemFile {
        var known = written
        // If its metadata server is elsewhere, this host cannot know whether it has ended.
        if known?.metadataServer != nil, known?.order.encrypts != wishes.encrypts { known = nil }
        let keys: SystemKeys
        if let known { keys = known.order.system } else { keys = try SystemKeys.random() }
        let host = wishes.metadataServer?.name ?? hostName()
        var order = NodeOrder(rank: .metadataServer, system: keys, host: host)
        (order.port, order.ports) = (known?.order.port ?? 0, known?.order.ports)
        wishes.apply(options, to: &order)
        order.catalogue = wishes.metadataServer == nil ? options.catalogueDirectory : options.catalogue ?? []
        order.expected = UInt16(clamping: count)
        guard var system = known else { return SystemFile(order, metadataServer: wishes.metadataServer) }
        if system.order.encrypts != order.encrypts {
            // Waiting data servers could not talk to the new metadata server.
            let how = system.order.encrypts ? "with" : "without"
            throw Failure(
                .usage, options.metadataDirectory + Array("/system".utf8),
                "this system was started \(how) encryption and has not ended: `daft quit`, or remove this file where "
                    + "nothing of it runs any more")
        }
        if let ports = order.ports, order.port != 0, !ports.contains(order.port) {
            // Waiting data servers look for their metadata server there.
            throw Failure(
                .usage, options.metadataDirectory + Array("/system".utf8),
                "the metadata server of this system has port \(order.port), which is none of \(ports): `daft quit` "
                    + "first, or remove this file where nothing of it runs any more")
        }
        (system.order, system.metadataServer) = (order, wishes.metadataServer)
        return system
    }

    private func joined(_ written: SystemFile?) throws(Failure) -> SystemFile {
        guard let system = written else {
            throw Failure(
                .missing, options.catalogueDirectory,
                "no system was started from here: `daft start HOSTFILE` does, or say with --catalogue where it is")
        }
        return system
    }

    private func startMetadataServer(_ system: SystemFile) async -> Launcher.Outcome {
        guard let host = system.metadataServer else {
            return startHere(
                system.order, patienceSeconds: wishes.patienceSeconds, until: console.interruption.wake)
        }
        for await (_, outcome) in launcher.launching([(host, system.order)]) { return outcome }
        return .failure(Failure(.failed, [], "nothing was started"))
    }

    // MARK: data servers

    private func launch(
        _ members: [SystemMember], of system: SystemFile, _ metadataServer: NodeReport, isNew: Bool
    ) async -> Int32 {
        let nodes = members.map { member in
            let addresses = addresses(of: metadataServer, in: system, for: member.host)
            return (host: member.host, order: system.order(for: member, metadataServer: addresses))
        }
        var running: [(host: Host, report: NodeReport)] = []
        for await (index, outcome) in launcher.launching(nodes) {
            await console.show(members[index].rank, on: "\(members[index].host)", outcome)
            if case .success(let report) = outcome { running.append((members[index].host, report)) }
        }
        let isComplete = running.count == nodes.count
        if !isComplete, wishes.isAllOrNothing || running.isEmpty {
            await end(running, of: system, metadataServer, isNew: isNew)
        } else {
            await console.mention(
                "\(running.count) of \(nodes.count) data servers run; daft put, daft ls …; daft quit ends them")
        }
        return console.interruption.exitStatus ?? (isComplete ? 0 : 1)
    }

    /// Addresses of the metadata server for the data server on `host`, most likely first.
    private func addresses(of metadataServer: NodeReport, in system: SystemFile, for host: Host) -> [String] {
        let isThere = system.metadataServer.map(host.isSameName) ?? isHere(host)
        let names = [isThere ? "127.0.0.1" : nil, system.metadataServer?.name].compactMap(\.self)
        let all = names + metadataServer.addresses.filter { !names.contains($0) }
        return all.isEmpty ? ["127.0.0.1"] : all
    }

    private func isHere(_ host: Host) -> Bool {
        let name = host.name.lowercased()
        let own = hostName().lowercased()
        return ["localhost", "::1", own].contains(name) || name.hasPrefix("127.") || own.hasPrefix(name + ".")
    }

    /// Ends what was just started. Nodes that ran before continue and can find their metadata server again.
    private func end(
        _ running: [(host: Host, report: NodeReport)], of system: SystemFile, _ metadataServer: NodeReport, isNew: Bool
    ) async {
        for node in running where !node.report.isResumed {
            if let failure = launcher.end(node.report, on: node.host) { await console.fail(failure) }
        }
        if metadataServer.isResumed {
            await console.mention("what was started is ended again; what ran before goes on")
            return
        }
        if let host = system.metadataServer {
            if let failure = launcher.end(metadataServer, on: host) { await console.fail(failure) }
        } else if !endHere(metadataServer) {
            await console.fail(Failure(.failed, [], "the metadata server, process \(metadataServer.pid), does not end"))
            return
        }
        if isNew {
            systemDirectory.remove()
            await console.mention("nothing runs: what was started is ended again")
        } else {
            await console.mention(
                "what was started is ended again; data servers that ran before wait for another `daft start`"
            )
        }
    }
}
