// The metadata server: its requests and its state of this run. Persistent state is in the catalogue; payload never
// passes through it.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire

actor MetadataServer {
    let station: Station
    nonisolated let loop: any Loop
    private let agreement: CatalogueElection
    var membershipTable = MembershipTable()
    private var joined: Set<Rank> = []
    /// Problems found until the start was complete.
    private var troubles: [Failure] = []
    private var hasStarted = false
    /// Ranks that are loading a content now, in the order in which they began.
    private var loaders: [ContentID: [Rank]] = [:]
    private let changed: Condition
    /// The catalogue has reached a new state.
    private let committed: Condition
    let tasks: OrderTable
    let repairs: RepairQueue
    let begun: Nanoseconds
    /// By then a rank that returns by itself has sent its hello.
    private static let requestHelloMilliseconds = 500
    private static let longestNewsMilliseconds = 20_000

    init(_ station: Station) {
        self.station = station
        loop = station.loop
        agreement = CatalogueElection(station)
        changed = Condition(on: station.loop)
        committed = Condition(on: station.loop)
        station.catalogue.onCommit { [committed] in committed.notify() }
        tasks = OrderTable(on: station.loop, orphanMilliseconds: station.settings.orphanMilliseconds)
        repairs = RepairQueue(station)
        begun = station.loop.now
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        do throws(Failure) {
            switch request {
            case .delta, .publish, .hold, .wish: try await agreement.settled()
            default: break
            }
            switch request {
            case .hello, .delta, .publish, .hold, .wish, .members, .order:
                if let loss = await station.checkDirectory() { throw loss }
            default: break
            }
            switch request {
            case .hello(let hello): return try await welcome(hello, from: rank)
            case .joined(let failures): return noteJoined(rank, failures)
            case .delta(let head): return try await station.records(after: head)
            case .publish(let publication): return try await publish(publication)
            case .hold(let holdings): return try await hold(holdings)
            case .wish(let wish): return try await want(wish)
            case .members: return .members(listed())
            case .loading(let content, let begun): return noteLoading(content, begun, by: rank)
            case .ping: return .done
            case .order(let order): return await begin(order)
            case .poll(let task): return await tasks.poll(task)
            case .cancel(let task):
                await tasks.cancel(task)
                return .done
            case .withdrawn(let failure): return await dismiss(rank, failure)
            case .quit: return quit()
            case .news(let state, let milliseconds): return await waitForNews(after: state, milliseconds)
            default: return .failed(Failure(.malformed, [], "this is nothing to ask a metadata server"))
            }
        } catch {
            return .failed(error)
        }
    }

    /// Waits for all expected data servers; returns a failure for each that is missing.
    func awaitServers() async -> [Failure] {
        let deadline = station.loop.deadline(inMilliseconds: station.settings.agreementMilliseconds)
        let expected = (0..<station.settings.expectedServers).map { Rank($0 + 1) }
        while station.loop.now < deadline, !expected.allSatisfy(joined.contains) {
            await changed.wait(until: deadline)
        }
        let absent = expected.filter { !joined.contains($0) }
        hasStarted = true
        scheduleRepair()
        defer { troubles = [] }
        let isLate = station.settings.mayLackServers
        let reason = isLate ? "it has not joined so far, and may do so later" : "it did not join the system"
        return troubles + absent.map { Failure(.unreachable, [], node: "\($0)", reason) }
    }

    private func welcome(_ hello: Hello, from rank: Rank) async throws(Failure) -> Reply {
        try await agreement.admit(hello, from: rank)
        let info = hello.store
        if let duplicate = membershipTable.duplicate(of: info.id, besides: rank, alive: Set(station.link.ranks)) {
            throw Failure(.locked, info.path, node: info.host, "the same store is served by \(duplicate) already")
        }
        let catalogue = station.catalogue
        let number = try await station.work { () throws(Failure) in
            try catalogue.change { (change) throws(Failure) in
                if let number = try change.number(of: info.id) {
                    let known = try change.stores().first { $0.number == number }
                    if known?.info == info, known?.hasLeft == false { return number }
                }
                try change.append(.store(info))
                guard let number = try change.number(of: info.id) else {
                    throw Failure(.failed, info.path, node: info.host, "the store got no number")
                }
                return number
            }
        }
        membershipTable.take(number, info, at: rank, now: loop.now)
        station.roster.update(listed())
        return .welcome(number: number, catalogue.head)
    }

    private func noteJoined(_ rank: Rank, _ failures: [Failure]) -> Reply {
        joined.insert(rank)
        station.note(.info, "rank.joined", ["rank": "\(rank.number)", "node": station.roster.node(of: rank)])
        station.note(failures, .warning, in: "join")
        if !hasStarted { troubles += failures.map { $0.at(station.roster.node(of: rank)) } }
        changed.notify()
        if hasStarted { mend() }
        return .done
    }

    /// Long poll: answers when the catalogue's state differs from the follower's, or after the timeout.
    private func waitForNews(after state: State, _ milliseconds: Int) async -> Reply {
        let deadline = loop.deadline(inMilliseconds: min(milliseconds, MetadataServer.longestNewsMilliseconds))
        while true {
            let edition = committed.edition
            if station.catalogue.head.state != state { return .done }
            guard await committed.wait(until: deadline, after: edition) else { return .done }
        }
    }

    func listed() -> [Member] {
        membershipTable.members(alive: Set(station.link.ranks), now: loop.now)
    }

    // MARK: membership

    func note(_ rank: Rank, _ presence: Presence) async {
        station.note(
            presence == .gone ? .warning : .info, "rank.\(presence)",
            ["rank": "\(rank.number)", "node": station.roster.node(of: rank)])
        switch presence {
        case .gone:
            membershipTable.markGone(rank, now: loop.now)
            forgetLoader(rank)
            station.roster.update(listed())
            scheduleRepair()
        case .here: await requestHello(rank)
        }
    }

    /// A data server that was considered gone may not know; ask it to rejoin. A new process sends hello by itself.
    private func requestHello(_ rank: Rank) async {
        while !station.isClosed {
            await loop.sleep(milliseconds: MetadataServer.requestHelloMilliseconds)
            guard membershipTable.isVacant(rank), station.link.ranks.contains(rank) else { return }
            // A failed request is repeated.
            if (try? await station.ask(.join, at: rank)) == .done { return }
        }
    }

    private func forgetLoader(_ rank: Rank) {
        for (content, ranks) in loaders where ranks.contains(rank) {
            let others = ranks.filter { $0 != rank }
            loaders[content] = others.isEmpty ? nil : others
        }
    }

    private func noteLoading(_ content: ContentID, _ begun: Bool, by rank: Rank) -> Reply {
        let others = (loaders[content] ?? []).filter { $0 != rank }
        loaders[content] = begun ? others + [rank] : others.isEmpty ? nil : others
        return .loaders(others)
    }

    private func publish(_ publication: Publication) async throws(Failure) -> Reply {
        let catalogue = station.catalogue
        return try await station.work { () throws(Failure) in
            try catalogue.change { (change) throws(Failure) in
                let verdicts = try publishing(publication, in: &change)
                return .published(change.head.state, verdicts)
            }
        }
    }

    private func hold(_ holdings: [Holding]) async throws(Failure) -> Reply {
        let catalogue = station.catalogue
        try await station.work { () throws(Failure) in
            try catalogue.change { (change) throws(Failure) in
                for holding in holdings { try recording(holding, in: &change) }
            }
        }
        return .done
    }

    private func want(_ wish: CopiesRequest) async throws(Failure) -> Reply {
        let catalogue = station.catalogue
        try await station.work { () throws(Failure) in
            try catalogue.change { (change) throws(Failure) in try wanting(wish, in: &change) }
        }
        return .done
    }
}

extension Station {
    /// A delta of this rank's catalogue after a head.
    func records(after head: Head) async throws(Failure) -> Reply {
        let catalogue = catalogue
        let answer = try await work { () throws(Failure) in try catalogue.delta(after: head, limitBytes: 4 << 20) }
        switch answer {
        case .records(let delta): return .records(delta)
        case .forked: return .forked
        }
    }
}
