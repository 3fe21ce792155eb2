// A user's commands at one station: the command line of rank 0, a client at a door, a gateway. Each verb is a file of
// its own; what they share is here.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

/// From where a user looks at files and names.
public struct ClientContext: Sendable {
    /// What relative paths are relative to; nil: where this process is.
    public var directory: [UInt8]?
    /// What the user's new files and directories do not allow, where nothing else says it.
    public var umask: UInt16
    /// What names that begin with no slash are below.
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
    let standpoint: ClientContext
    /// By which bytes leave their source, or come in here; nil: as fast as they can.
    let throttle: Throttle?
    var umask: UInt16 { standpoint.umask }

    public init(at station: Station, _ standpoint: ClientContext = ClientContext(), limit: ByteRate? = nil) {
        self.station = station
        self.standpoint = standpoint
        throttle = limit.map { Throttle($0, on: station.loop) }
        commandProgress = CommandProgress(
            at: station, grain: limit?.time(for: Int64(station.settings.chunkSize.bytes)) ?? 0)
    }

    /// A path of the user's, from where the user is.
    func local(_ path: [UInt8]) -> [UInt8] {
        guard let directory = standpoint.directory, !path.isEmpty, path.first != Name.slash else { return path }
        return directory + [Name.slash] + path
    }

    /// The data servers there are, and this rank's catalogue as new as the metadata server's.
    func lookAround() async throws(Failure) -> [Member] {
        try await station.catchUp()
        let members = try await station.refreshRoster().filter(\.isAlive)
        if members.isEmpty { throw Failure(.unreachable, [], "no data server can be reached") }
        return members
    }

    /// The data server at `host`; the one on this node where none is named.
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

    /// Of several data servers on a node the first.
    func oneOnEachNode(of members: [Member]) -> [Member] {
        var hosts: Set<String> = []
        return members.sorted { $0.rank < $1.rank }.filter { hosts.insert($0.store.host).inserted }
    }
}

/// What a command came to.
public struct Report: Sendable {
    public var failures: [Failure] = []
    public var warnings: [Failure] = []
    public var files: Int64 = 0
    public var bytes: Int64 = 0
    /// Bytes that crossed the link for it.
    public var moved: Int64 = 0
    /// Of what it was about, that of which something was done; and the data servers that it was done on, as people call
    /// them.
    public var names: [Name] = []
    public var places: [String] = []
    /// Nodes that lack some of what was published for all.
    var lackingHosts: Set<String> = []
    /// Of several data servers the one that took longest over its part.
    public var slowest: Slowest?

    public struct Slowest: Sendable {
        public let place: String
        public let time: Duration

        public init(place: String, time: Duration) {
            self.place = place
            self.time = time
        }
    }

    public init() {}

    /// 0 all done; one kind of failure has its own status; of several kinds, lost data is said before anything else.
    public var exitStatus: Int32 {
        let all = Set(failures.map(\.exitStatus))
        if all.isEmpty { return 0 }
        if all.contains(5) { return 5 }
        return all.count == 1 ? all.first ?? 1 : 1
    }

    /// It came to something, be it that all was there.
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

/// How long each data server was busy with the orders of one command.
final class Stopwatch: Sendable {
    /// Orders of one data server overlap: what counts is when it had any.
    private struct Busy {
        var orders = 0
        var since: Nanoseconds = 0
        var total: Nanoseconds = 0
    }

    private let times = Mutex<[Int: Busy]>([:])

    /// Runs what a data server does, and notes how long that took.
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

    /// For how long a data server had at least one order.
    func total(of number: Int) -> Nanoseconds? { times.withLock { $0[number]?.total } }

    /// Of those that did what they were to do: who died was not slow.
    func slowest(among all: [Member], _ roster: Roster, failures: [Failure]) -> Report.Slowest? {
        let failed = Set(failures.map(\.node))
        let members = all.filter { !failed.contains($0.store.host) }
        let numbers = Set(members.map(\.number))
        let times = times.withLock { $0 }.filter { numbers.contains($0.key) }.mapValues(\.total)
        guard times.count > 1, let longest = times.max(by: { ($0.value, $1.key) < ($1.value, $0.key) }),
            let member = members.first(where: { $0.number == longest.key })
        else { return nil }
        return Report.Slowest(place: roster.label(of: member), time: .nanoseconds(Int64(longest.value)))
    }
}
