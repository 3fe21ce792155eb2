// A user's session at a station: the command line of rank 0, a client, or a gateway. Verbs are in files of their own.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

/// The client's working directory, umask and base name.
public struct ClientContext: Sendable {
    /// Base of relative paths; nil: this process's working directory.
    public var directory: [UInt8]?
    /// The umask of new files and directories whose modes are not given.
    public var umask: UInt16
    /// Base of relative names.
    public var base: Name

    public init(directory: [UInt8]? = nil, umask: UInt16 = ClientContext.ownUmask, base: Name = .root) {
        (self.directory, self.umask, self.base) = (directory, umask, base)
    }

    public static var ownUmask: UInt16 { DaftStore.ownUmask }
}

public struct Session: Sendable {
    public let station: Station
    public let commandProgress: CommandProgress
    let stopwatch = Stopwatch()
    let clientContext: ClientContext
    /// Limits the session's transfers; nil: no limit.
    let throttle: Throttle?
    var umask: UInt16 { clientContext.umask }

    public init(at station: Station, _ clientContext: ClientContext = ClientContext(), limit: ByteRate? = nil) {
        self.station = station
        self.clientContext = clientContext
        throttle = limit.map { Throttle($0, on: station.loop) }
        commandProgress = CommandProgress(
            at: station, grain: limit?.time(for: Int64(station.settings.chunkSize.bytes)) ?? 0)
    }

    /// Resolves a user's path.
    func local(_ path: [UInt8]) -> [UInt8] {
        guard let directory = clientContext.directory, !path.isEmpty, path.first != Name.slash else { return path }
        return directory + [Name.slash] + path
    }

    /// Catches up with the catalogue; returns the data servers.
    func syncedMembers() async throws(Failure) -> [Member] {
        try await station.catchUp()
        let members = try await station.refreshRoster().filter(\.isAlive)
        if members.isEmpty { throw Failure(.unreachable, [], "no data server can be reached") }
        return members
    }

    /// The data server at `host`; nil: of this node.
    func member(at host: String?, among members: [Member]) throws(Failure) -> Member? {
        guard let host else {
            return members.first { $0.rank == station.rank } ?? members.first { $0.store.host == station.settings.host }
        }
        if let member = members.first(where: { $0.store.host == host }) { return member }
        let labels = station.roster.labels
        if let member = members.first(where: { labels[$0.number] == host }) { return member }
        let known = members.map { labels[$0.number] ?? $0.store.host }.joined(separator: ", ")
        throw Failure(.unreachable, [], node: host, "no data server runs on this node; there are \(known)")
    }

    /// The first data server of each node.
    func oneOnEachNode(of members: [Member]) -> [Member] {
        var hosts: Set<String> = []
        return members.sorted { $0.rank < $1.rank }.filter { hosts.insert($0.store.host).inserted }
    }
}

/// The result of a command.
public struct Report: Sendable {
    public var failures: [Failure] = []
    public var warnings: [Failure] = []
    public var files: Int64 = 0
    public var bytes: Int64 = 0
    /// Bytes sent over the link.
    public var moved: Int64 = 0
    /// The names that were affected, and the data servers involved, by display name.
    public var names: [Name] = []
    public var servers: [String] = []
    /// Nodes that lack part of a broadcast.
    var lackingHosts: Set<String> = []
    /// The data server that took longest, if there were several.
    public var slowest: Slowest?

    public struct Slowest: Sendable {
        public let server: String
        public let time: Duration

        public init(server: String, time: Duration) {
            self.server = server
            self.time = time
        }
    }

    public init() {}

    /// 0: success. One kind of failure has its own status; of several kinds, lost data takes precedence, else 1.
    public var exitStatus: Int32 {
        let all = Set(failures.map(\.exitStatus))
        if all.isEmpty { return 0 }
        if all.contains(5) { return 5 }
        return all.count == 1 ? all.first ?? 1 : 1
    }

    /// True if any file succeeded, or nothing failed.
    var isOfUse: Bool { files > 0 || failures.isEmpty }

    mutating func merge(_ other: Report) {
        failures += other.failures
        warnings += other.warnings
        files += other.files
        bytes += other.bytes
        moved += other.moved
        slowest = other.slowest ?? slowest
        lackingHosts.formUnion(other.lackingHosts)
    }

    public static func failed(_ failure: Failure) -> Report { failed([failure]) }

    static func failed(_ failures: [Failure]) -> Report {
        var report = Report()
        report.failures = failures
        return report
    }
}

/// Measures how long each data server was busy with a command's orders.
final class Stopwatch: Sendable {
    /// Orders overlap: time with at least one order counts once.
    private struct Busy {
        var orders = 0
        var since: Nanoseconds = 0
        var total: Nanoseconds = 0
    }

    private let times = Mutex<[Int: Busy]>([:])

    /// Runs and times work of a data server.
    func time<T>(_ member: Member, on loop: any Loop, _ body: () async -> T) async -> T {
        begin(member.number, at: loop.now)
        let result = await body()
        end(member.number, at: loop.now)
        return result
    }

    func begin(_ number: Int, at now: Nanoseconds) {
        times.withLock { times in
            if times[number, default: Busy()].orders == 0 { times[number, default: Busy()].since = now }
            times[number, default: Busy()].orders += 1
        }
    }

    func end(_ number: Int, at now: Nanoseconds) {
        times.withLock { times in
            guard var busy = times[number] else { return }
            busy.orders -= 1
            if busy.orders == 0 { busy.total += now - busy.since }
            times[number] = busy
        }
    }

    /// Total time with at least one order.
    func total(of number: Int) -> Nanoseconds? { times.withLock { $0[number]?.total } }

    /// The slowest of the data servers that succeeded.
    func slowest(among all: [Member], _ roster: Roster, failures: [Failure]) -> Report.Slowest? {
        let failed = Set(failures.map(\.node))
        let members = all.filter { !failed.contains($0.store.host) }
        let numbers = Set(members.map(\.number))
        let times = times.withLock { $0 }.filter { numbers.contains($0.key) }.mapValues(\.total)
        guard times.count > 1, let longest = times.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }),
            let member = members.first(where: { $0.number == longest.key })
        else { return nil }
        return Report.Slowest(server: roster.label(of: member), time: .nanoseconds(Int64(longest.value)))
    }
}
