// Files of a node process, including those that its successor reads.

import DaftCommand
import DaftEngine
import DaftLaunch
import DaftLink
import DaftModel
import DaftShell
import DaftWire
import DaftZMQ
import Glibc

struct NodePaths: Sendable {
    let store: [UInt8]
    let door: [UInt8]
    let log: [UInt8]
    let group: UInt32?
    private let order: NodeOrder
    private let options: Options
    /// The path through which this process reaches the door's directory.
    private let own: [UInt8]
    private let sign: [UInt8]

    init(_ order: NodeOrder) throws(Failure) {
        self.order = order
        var words: [[UInt8]] = []
        if !order.store.isEmpty { words += [Array("--store".utf8), order.store] }
        if !order.catalogue.isEmpty { words += [Array("--catalogue".utf8), order.catalogue] }
        if !order.group.isEmpty { words += [Array("--group".utf8), order.group] }
        do throws(CommandError) {
            options = try Options(arguments: words, environment: { _ in nil })
        } catch {
            throw error.failure
        }
        store = options.storeDirectory(index: Int(order.indexOnHost))
        group = try options.sharers()
        let index = Int(order.indexOnHost)
        let isMetadataServer = order.rank == .metadataServer
        door = isMetadataServer ? options.metadataDirectory : options.doorDirectory(index: index)
        own = try isMetadataServer ? options.heldMetadataDirectory() : options.heldDirectory(index: index)
        log = own + Array("/log".utf8)
        sign = own + Array("/node".utf8)
    }

    func settings(agreementMilliseconds: Int) throws(Failure) -> Settings {
        var settings = Settings(host: order.host)
        settings.chunkSize = order.chunkSize
        settings.compression = order.compression
        settings.durable = order.durable
        settings.group = group
        settings.agreementMilliseconds = agreementMilliseconds
        settings.log = EventLog(log, order.logLevel)
        settings.copies = .atLeast(Int(order.copies))
        settings.needsRoomEverywhere = false
        guard order.rank == .metadataServer else {
            settings.store = store
            return settings
        }
        let file = try options.catalogueFile()
        settings.expectedServers = Int(order.expected)
        settings.mayLackServers = true
        settings.repairAfterMilliseconds = Int(order.repairAfterSeconds) * 1_000
        settings.rebuilds = order.rebuilds
        settings.endsDataServers = true
        settings.catalogue = file
        return settings
    }

    // MARK: run file

    /// Lets a second process of the same system detect this one.
    func note(_ order: NodeOrder, port: UInt16) throws(Failure) {
        let lines = "\(hexadecimal(order.system.publicKey))\n\(order.rank.number)\n\(getpid())\n\(port)\n"
        try writeForOwner(lines, to: sign)
    }

    /// Unless a newer process has written its own.
    func forget() {
        let words = noted
        if words.count > 2, words[2] == "\(getpid())" { _ = withCString(sign) { unlink($0) } }
    }

    /// Removes the system's keys when it ends in order.
    func endSystem() { _ = withCString(own + Array("/system".utf8)) { unlink($0) } }

    fileprivate var noted: [Substring] { readText(sign).split(separator: "\n") }
}

/// The report of a running node of the same system and rank; nil if none runs.
func reportOfRunning(_ order: NodeOrder) throws(Failure) -> NodeReport? {
    let places = try NodePaths(order)
    let words = places.noted
    // Without a readable door, no running daft can be reused.
    guard words.count == 4, words[0] == hexadecimal(order.system.publicKey),
        Int(words[1]) == order.rank.number, let pid = Int32(words[2]), kill(pid, 0) == 0,
        let door = try? DoorAddress(in: places.door, group: places.group), door.isOpen, let port = UInt16(words[3])
    else { return nil }
    if order.rank != .metadataServer { try waitForUse(of: door) }
    var report = NodeReport(pid: UInt32(pid), store: order.rank == .metadataServer ? [] : places.store)
    report.port = port
    report.isResumed = true
    return report
}

/// A data server joins a restarted metadata server within seconds; wait, because only then can it be used.
private func waitForUse(of door: DoorAddress) throws(Failure) {
    let (patienceMilliseconds, pauseMilliseconds) = (10_000, 100)
    for _ in 0..<patienceMilliseconds / pauseMilliseconds {
        var question = DoorCommand(.arguments([Array("status".utf8)]), in: [Name.slash])
        question.style.progress = false
        if exitStatus(of: DoorClient(at: door, question)) == 0 { return }
        usleep(UInt32(pauseMilliseconds) * 1_000)
    }
    throw Failure(.unreachable, [], "it runs already, but does not reach the metadata server")
}

private func exitStatus(of doorClient: DoorClient) -> Int32 {
    defer { doorClient.close() }
    while true {
        switch doorClient.next() {
        case .output, .errors: continue
        case .end(let status): return status
        case .refused(let failure): return failure.exitStatus
        }
    }
}

private func writeForOwner(_ text: String, to path: [UInt8]) throws(Failure) {
    let file = withCString(path) { open($0, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600) }
    if file < 0 { throw Failure(.failed, path, String(cString: strerror(errno))) }
    defer { close(file) }
    if !writeAll(Array(text.utf8), to: file) { throw Failure(.failed, path, String(cString: strerror(errno))) }
}

/// The text of a small file; empty if it does not exist.
private func readText(_ path: [UInt8]) -> String {
    let file = withCString(path) { open($0, O_RDONLY | O_CLOEXEC) }
    if file < 0 { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 1_024)
    let count = read(file, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
}
