// bcast: a complete copy on every data server.
//
//   1. A local path is published first, on the data server of this node; a name is taken as it stands.
//   2. Every data server is told to fetch what it lacks, each from the neighbour before it in a chain that begins with
//      one that keeps the content: every link carries the bytes once in and once out, all at the same time.
//   3. What each now keeps is recorded for all of them at once, and what failed where is said.

import DaftCatalogue
import DaftCore
import DaftLink
import DaftStore

extension Session {
    /// Brings each of `things`, a local path if there is one, else a published name, to every data server.
    public func bcast(_ things: [[UInt8]], as name: Name? = nil) async -> Report {
        var report = Report()
        var names: [Name] = []
        var local: Set<Name> = []
        do throws(Failure) {
            for thing in things {
                let path = self.local(thing)
                if await station.workers.run({ pathExists(path) }) {
                    let published = try publishedName(of: path, unless: name)
                    let put = await put([path], as: name)
                    // What stands under a name that was refused is not what the user meant.
                    if !put.failures.contains(where: { $0.subject == published.bytes }) { names.append(published) }
                    local.insert(published)
                    report.merge(put)
                } else {
                    names.append(try published(thing))
                }
            }
            // What could not be published at all, as has been said, cannot be brought anywhere.
            let members = try await lookAround()
            let reason = "no such local path, and no such name is published"
            names = try await standing(names, saying: reason, &report) { local.contains($0) }
            report.names = names
            if !names.isEmpty, !Task.isCancelled { try await bring(names, to: members, &report) }
        } catch {
            report.failures.append(error)
        }
        return report
    }

    /// What the user typed, as a name.
    func published(_ typed: [UInt8]) throws(Failure) -> Name {
        do throws(NameError) {
            return try resolvedName(typed)
        } catch {
            throw Failure(.usage, typed, "neither a local path nor a name: \(error.reason)")
        }
    }

    /// Those of the names that are published; the others fail, but for those that have failed already.
    func standing(
        _ names: [Name], saying reason: String, _ report: inout Report,
        butFor hasFailed: (Name) -> Bool = { _ in false }
    ) async throws(Failure) -> [Name] {
        let catalogue = station.catalogue
        var standing: [Name] = []
        for name in names {
            if try await station.work({ () throws(Failure) in try catalogue.entry(name) }) != nil || name.isRoot {
                standing.append(name)
            } else if !hasFailed(name) {
                report.failures.append(Failure(.noSuchName, name, reason))
            }
        }
        return standing
    }

    private func bring(_ names: [Name], to members: [Member], _ report: inout Report) async throws(Failure) {
        let chain = try await chain(of: members, for: names)
        let state = station.catalogue.head.state
        let links = chain.enumerated().map { index, member in
            (member, Fetch(below: names, state: state, predecessor: chain[max(0, index - 1)].rank, reports: false))
        }
        var brought: [(member: Member, fetched: Fetched)] = []
        var failures: [Failure] = []
        var moved: Int64 = 0
        await station.loop.inOrder(width: links.count, over: links) { [self] member, fetch in
            (member, await station.carryOut(.fetch(fetch), at: member.rank, watch: gauge.part()))
        } take: { member, outcome in
            switch outcome {
            case .fetched(let fetched):
                brought.append((member, fetched))
                failures += fetched.failures
                moved += fetched.moved
            case .failed(let failure): failures.append(failure)
            default: failures.append(Failure(.malformed, [], node: member.store.host, "an outcome that fits no fetch"))
            }
        }
        report.failures += failures
        report.moved += moved
        report.places = brought.map { station.roster.label(of: $0.member) }
        report.files = max(report.files, brought.map(\.fetched.files).min() ?? 0)
        try await record(names, brought, &report)
    }

    /// The data servers in the order of the chain: first one that keeps what is to be brought.
    private func chain(of members: [Member], for names: [Name]) async throws(Failure) -> [Member] {
        let catalogue = station.catalogue
        let keepers = try await station.work { () throws(Failure) in
            for name in names {
                let first = try catalogue.entry(name)?.content
                let below = try first == nil ? catalogue.below(name, after: nil, limit: 100) : []
                guard let content = first ?? below.lazy.compactMap(\.entry.content).first else { continue }
                return try catalogue.holders(of: content).complete
            }
            return BitSet()
        }
        return members.sorted { x, y in
            let (a, b) = (keepers.contains(x.number), keepers.contains(y.number))
            return a == b ? (x.store.host, x.rank) < (y.store.host, y.rank) : a
        }
    }

    private func record(
        _ names: [Name], _ brought: [(member: Member, fetched: Fetched)], _ report: inout Report
    ) async throws(Failure) {
        var lacking: [ContentID: BitSet] = [:]
        var parts: [Holding] = []
        for (member, fetched) in brought {
            for lack in fetched.lacking {
                lacking[lack.content, default: BitSet()].insert(member.number)
                if lack.extent != .nothing {
                    parts.append(Holding([lack.content], in: BitSet([member.number]), lack.extent))
                }
            }
        }
        let all = BitSet(brought.map(\.member.number))
        var seen: Set<ContentID> = []
        for name in names {
            try await eachPage(below: name) { (page) async throws(Failure) in
                var sets: [BitSet: [ContentID]] = [:]
                for content in page.compactMap(\.entry.content) where seen.insert(content).inserted {
                    var stores = all
                    stores.subtract(lacking[content] ?? BitSet())
                    if !stores.isEmpty { sets[stores, default: []].append(content) }
                }
                let holdings = sets.sorted { $0.key.encoded.lexicographicallyPrecedes($1.key.encoded) }
                    .map { Holding($0.value, in: $0.key, .complete) }
                if !holdings.isEmpty { _ = try await station.ask(.hold(holdings), at: .metadataServer) }
            }
        }
        if !parts.isEmpty { _ = try await station.ask(.hold(parts), at: .metadataServer) }
    }

    /// The entry of a name and all below it, page by page.
    func eachPage(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        let catalogue = station.catalogue
        let root = try await station.work { () throws(Failure) in try catalogue.entry(name) }
        if let root { try await body([NamedEntry(name, root)]) }
        var last: Name?
        while true {
            let after = last
            let page = try await station.work { () throws(Failure) in
                try catalogue.below(name, after: after, limit: 1_000)
            }
            guard let end = page.last else { return }
            try await body(page)
            last = end.name
        }
    }
}
