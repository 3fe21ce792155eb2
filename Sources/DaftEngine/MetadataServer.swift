// The metadata server: what it is asked, and what it knows of this run. What it knows of the data stands in its
// catalogue; it never sees a payload.

import DaftCatalogue
import DaftCore
import DaftLink

actor MetadataServer {
    let station: Station
    private nonisolated let loop: any Loop
    private let gathering: Gathering
    private var members: [Rank: Member] = [:]
    private var joined: Set<Rank> = []
    private var troubles: [Failure] = []
    /// Which ranks are loading a content at this moment, in the order in which they began.
    private var loaders: [ContentID: [Rank]] = [:]
    private let changed: Signal

    init(_ station: Station) {
        self.station = station
        loop = station.loop
        gathering = Gathering(station)
        changed = Signal(on: station.loop)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        do throws(Failure) {
            switch request {
            case .hello(let hello): return try await welcome(hello, from: rank)
            case .joined(let failures): return noteJoined(rank, failures)
            case .delta(let head): return try await station.records(after: head)
            case .publish(let publication): return try await publish(publication)
            case .hold(let holdings): return try await hold(holdings)
            case .members: return .members(listed())
            case .loading(let content, let begun): return noteLoading(content, begun, by: rank)
            case .ping: return .done
            case .quit:
                station.ending.wish()
                return .done
            default: return .failed(Failure(.malformed, [], "this is nothing to ask a metadata server"))
            }
        } catch {
            return .failed(error)
        }
    }

    /// Waits until every data server that was expected is there, or says who is not.
    func awaitServers() async -> [Failure] {
        let deadline = station.loop.deadline(inMilliseconds: station.settings.gatherMilliseconds)
        let expected = (1...max(1, station.settings.expectedServers)).map { Rank($0) }
        while station.loop.now < deadline, !expected.allSatisfy(joined.contains) {
            await changed.wait(until: deadline)
        }
        let absent = expected.filter { !joined.contains($0) }
        return troubles + absent.map { Failure(.unreachable, [], node: "\($0)", "it did not join the system") }
    }

    private func welcome(_ hello: Hello, from rank: Rank) async throws(Failure) -> Reply {
        try await gathering.admit(hello, from: rank)
        let info = hello.store
        if let twin = members.values.first(where: { $0.store.id == info.id && $0.rank != rank && $0.isAlive }) {
            throw Failure(.locked, info.path, node: info.host, "the same store is served by \(twin.rank) already")
        }
        let catalogue = station.catalogue
        let number = try await station.work { () throws(Failure) in
            try catalogue.change { (change) throws(Failure) in
                if let number = try change.number(of: info.id) { return number }
                try change.append(.store(info))
                guard let number = try change.number(of: info.id) else {
                    throw Failure(.failed, info.path, node: info.host, "the store got no number")
                }
                return number
            }
        }
        members[rank] = Member(rank: rank, number: number, store: info, isAlive: true)
        station.roster.update(listed())
        return .welcome(number: number, catalogue.head)
    }

    private func noteJoined(_ rank: Rank, _ failures: [Failure]) -> Reply {
        joined.insert(rank)
        troubles += failures.map { $0.at(station.roster.node(of: rank)) }
        changed.notify()
        return .done
    }

    private func listed() -> [Member] {
        let alive = Set(station.link.ranks)
        return members.values.sorted { $0.rank < $1.rank }.map { member in
            Member(
                rank: member.rank, number: member.number, store: member.store, isAlive: alive.contains(member.rank))
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
}

extension Station {
    /// The records after a head, from this rank's catalogue.
    func records(after head: Head) async throws(Failure) -> Reply {
        let catalogue = catalogue
        let answer = try await work { () throws(Failure) in try catalogue.delta(after: head, limitBytes: 4 << 20) }
        switch answer {
        case .records(let delta): return .records(delta)
        case .forked: return .forked
        }
    }
}
