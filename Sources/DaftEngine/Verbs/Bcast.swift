// bcast: a complete copy on every data server.
//
//   1. The data servers form a chain in which every link carries the bytes once in each direction, concurrently.
//   2. A local path is read once, by the data server of this node. All ingest the same files at once, each from its
//      predecessor, and the files are published when all have finished or failed.
//   3. Of a published name each data server fetches what it lacks, along the chain.
//   4. New holdings are recorded for all data servers at once, and failures are reported by node.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire

extension Session {
    /// Brings each thing, a local path if it exists, else a published name, to every data server. `shared`: all nodes
    /// see the local paths and read a share each.
    public func bcast(
        _ things: [[UInt8]], as name: Name? = nil, shared isShared: Bool = false,
        with options: StagingOptions = StagingOptions(), preview: Preview? = nil
    ) async -> Report {
        wakeAll()
        do throws(Failure) {
            return try await spooling(things) { (things) async throws(Failure) in
                await broadcast(things, as: name, isShared, options, preview)
            }
        } catch {
            return .failed(error)
        }
    }

    private func broadcast(
        _ things: [[UInt8]], as name: Name?, _ isShared: Bool, _ options: StagingOptions, _ preview: Preview?
    ) async -> Report {
        var report = Report()
        do throws(Failure) {
            var names: [Name] = []
            var paths: [[UInt8]] = []
            for thing in things {
                let path = local(thing)
                if await station.workers.run({ pathExists(path) }) {
                    paths.append(path)
                } else {
                    names.append(try published(thing))
                }
            }
            let members = try await syncedMembers()
            commandProgress.expect(copies: members.count)
            let reason = "no such local path, and no such name is published"
            names = try await existing(names, orFail: reason, &report)
            if let name, paths.isEmpty {
                throw Failure(.usage, name, "--as names what is published: a local path, and not a name")
            }
            let sources = try await checked(paths, as: name, &report)
            guard report.failures.isEmpty else { return report }
            if !paths.isEmpty {
                if isShared { try await seen(by: members, paths) }
                let everywhere = ToEvery(members, from: self, isShared, copies: .everywhere)
                let staged = try await stage(sources, everywhere, on: members, options, preview)
                report.merge(staged)
                (report.names, report.servers) = (staged.names, staged.servers)
            }
            if !names.isEmpty, preview == nil, !Task.isCancelled { try await fetchNames(names, to: members, &report) }
        } catch {
            report.failures.append(error)
        }
        return report
    }

    /// Idle ranks poll the network only every few milliseconds: wake all at once instead of one after another. Nobody
    /// waits for their replies.
    private func wakeAll() {
        for rank in station.link.ranks where rank != station.rank {
            station.loop.start { [station] in _ = try? await station.ask(.ping, at: rank) }
        }
    }

    /// Checks that all nodes see the same roots; a node that does not reply does not see them. Each file is checked
    /// again when it is read.
    private func seen(by members: [Member], _ paths: [[UInt8]]) async throws(Failure) {
        for path in paths {
            let info = try await station.work { () throws(Failure) in try sighting(of: path) }
            var blind: [String] = []
            await station.loop.inOrder(width: members.count, over: members) { [station] member in
                (member, try? await station.ask(.sees(info), at: member.rank))
            } take: { member, reply in
                if reply != .done { blind.append(member.store.host) }
            }
            guard let first = blind.first else { continue }
            let others = blind.count > 1 ? " and \(blind.count - 1) more" : ""
            throw Failure(
                .usage, path,
                "\(first)\(others) cannot see just this: --shared is for a filesystem that all nodes see; without it "
                    + "this node reads for all")
        }
    }

    /// The user's argument as a name.
    func published(_ typed: [UInt8]) throws(Failure) -> Name {
        do throws(NameError) {
            return try resolvedName(typed, in: clientContext.base)
        } catch {
            throw Failure(.usage, typed, "neither a local path nor a name: \(error.reason)")
        }
    }

    private func fetchNames(_ names: [Name], to members: [Member], _ report: inout Report) async throws(Failure) {
        report.failures += try await refusals(of: names, at: members)
        guard report.failures.allSatisfy({ $0.kind != .noSpace }) else { return }
        let order = Fetch(
            below: names, state: station.catalogue.head.state, chain: Chain(inChainOrder(members).map(\.rank)),
            reports: false, limit: throttle?.rate)
        var results: [(member: Member, fetched: Fetched)] = []
        var failures: [Failure] = []
        var moved: Int64 = 0
        await station.loop.inOrder(width: members.count, over: members) { [self] member in
            let result = await stopwatch.time(member, on: station.loop) {
                await carryOut(.fetch(order), at: member.rank)
            }
            return (member, result)
        } take: { member, result in
            switch result {
            case .success(let fetched):
                results.append((member, fetched))
                failures += fetched.failures
                moved += fetched.moved
            case .failure(let failure): failures.append(failure)
            }
        }
        report.failures += failures
        report.moved += moved
        if !results.isEmpty { report.names += names }
        report.servers = results.map(\.member).filter { !report.lackingHosts.contains($0.store.host) }
            .map(station.roster.label)
        report.files += results.map(\.fetched.files).min() ?? 0
        report.slowest = stopwatch.slowest(among: members, station.roster, failures: report.failures)
        try await record(names, results, &report)
    }

    private func record(
        _ names: [Name], _ results: [(member: Member, fetched: Fetched)], _ report: inout Report
    ) async throws(Failure) {
        var lacking: [ContentID: BitSet] = [:]
        var parts: [Holding] = []
        for (member, fetched) in results {
            for lack in fetched.lacking {
                lacking[lack.content, default: BitSet()].insert(member.number)
                if lack.extent != .nothing {
                    parts.append(Holding([lack.content], in: BitSet([member.number]), lack.extent))
                }
            }
        }
        let all = BitSet(results.map(\.member.number))
        let lackingSomewhere = Set(lacking.keys)
        var seen: Set<ContentID> = []
        for name in names {
            try await station.eachEntry(below: name) { (page) async throws(Failure) in
                report.bytes += try await station.bytes(of: page, lacking: lackingSomewhere)
                var sets: [BitSet: [ContentID]] = [:]
                for content in page.compactMap(\.entry.content) where seen.insert(content).inserted {
                    var stores = all
                    stores.subtract(lacking[content] ?? BitSet())
                    if !stores.isEmpty { sets[stores, default: []].append(content) }
                }
                let holdings = sets.sorted { $0.key.encoded.lexicographicallyPrecedes($1.key.encoded) }
                    .map { Holding($0.value, in: $0.key, .complete) }
                let contents = Set(page.compactMap(\.entry.content)).sorted()
                let others = page.filter { $0.entry.content == nil }.map(\.name)
                _ = try await station.ask(
                    .wish(CopiesRequest(contents, names: others, .everywhere)), at: .metadataServer)
                if !holdings.isEmpty { _ = try await station.ask(.hold(holdings), at: .metadataServer) }
            }
        }
        if !parts.isEmpty { _ = try await station.ask(.hold(parts), at: .metadataServer) }
    }
}

/// Every data server ingests every file, along a chain.
struct ToEvery: Assignment {
    /// Smaller batches are faster without a chain.
    private static let smallBatch: Int64 = 64 << 10

    let isForAll = true
    let isReadEverywhere: Bool
    let copies: Copies
    private let chain: Chain
    private let members: [Member]
    private let chunkSize: ChunkSize
    /// If limited, the readers' total rate at the source counts.
    private let isLimited: Bool

    /// Readers: the data server of this node; else the first of the chain through this rank; with `isShared`, all.
    init(_ members: [Member], from session: Session, _ isShared: Bool = false, copies: Copies) {
        self.copies = copies
        let ordered = inChainOrder(members)
        let reader = ordered.firstIndex { $0.store.host == session.station.settings.host }
        self.members = ordered
        chunkSize = session.station.settings.chunkSize
        isReadEverywhere = isShared
        isLimited = session.throttle != nil
        chain = Chain(ordered.map(\.rank), readers: isShared ? Array(ordered.indices) : [reader ?? 0])
    }

    func chain(for files: [StagedFile]) -> Chain? {
        !isLimited && files.reduce(0) { $0 + $1.info.size } <= ToEvery.smallBatch ? nil : chain
    }

    func assign(_ files: [StagedFile]) -> [Share] {
        files.enumerated().flatMap { index, file in
            let chunks = 0..<chunkSize.count(of: file.info.size)
            return members.map { Share(file: index, chunks: chunks, member: $0) }
        }
    }
}

/// Ranks of a node are neighbours, and nodes are ordered by their first ranks, so that each link is crossed once.
private func inChainOrder(_ members: [Member]) -> [Member] {
    var first: [String: Rank] = [:]
    for member in members.sorted(by: { $0.rank < $1.rank }) where first[member.store.host] == nil {
        first[member.store.host] = member.rank
    }
    return members.sorted { x, y in
        let (a, b) = (first[x.store.host] ?? x.rank, first[y.store.host] ?? y.rank)
        return (a, x.rank) < (b, y.rank)
    }
}
