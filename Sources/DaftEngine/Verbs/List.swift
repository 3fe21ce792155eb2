// Queries: ls, stat, status; and verify, which re-reads everything. The tree listing is in Tree.swift.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire

extension Session {
    private static let page = 500

    /// What `ls NAME` shows: a directory's entries, else the entry itself, in order and in pages.
    public func list(_ name: Name, each: ([ListedEntry]) async -> Void) async throws(Failure) {
        _ = try await syncedMembers()
        let root = try await view.attributes(of: name)
        guard root.entry.isDirectory else { return await each(try await listed([DirectoryEntry(name, root)])) }
        var pages = children(of: name)
        while let page = try await pages.next() {
            if Task.isCancelled { throw Failure(.stopped, name, "stopped") }
            await each(try await listed(page))
        }
    }

    /// Details of one entry: names with the same content; for a directory, totals below it.
    public func stat(_ name: Name) async throws(Failure) -> (
        listed: ListedEntry, names: [Name], below: DirectorySummary?
    ) {
        _ = try await syncedMembers()
        if name.isRoot { throw Failure(.usage, name, "the root has nothing to show") }
        let attributes = try await view.attributes(of: name)
        let entry = attributes.entry
        let listed = try await listed([DirectoryEntry(name, attributes)])
        let catalogue = station.catalogue
        let names = try await station.work { () throws(Failure) in
            try entry.content.map { (content) throws(Failure) in try catalogue.names(of: content) } ?? []
        }
        guard let one = listed.first else { throw Failure.notPublished(name) }
        return (one, names, entry.isDirectory ? try await below(name) : nil)
    }

    private func below(_ name: Name) async throws(Failure) -> DirectorySummary {
        var below = DirectorySummary()
        try await station.eachPage(below: name) { (page) async throws(Failure) in
            for named in page { below.count(named.entry) }
            below.bytes += try await station.bytes(of: page)
        }
        if Task.isCancelled { throw Failure(.stopped, name, "stopped") }
        return below
    }

    /// The chunks of a file and their holders, in pages.
    public func chunks(of name: Name, each: ([ListedChunk]) async -> Void) async throws(Failure) {
        let members = try await syncedMembers()
        let catalogue = station.catalogue
        guard let content = try await view.attributes(of: name).entry.content else { return }
        let known = try await station.work { () throws(Failure) in
            (try catalogue.manifest(ofNamed: content), try catalogue.holders(of: content))
        }
        let manifest = known.0
        let (labels, host) = (station.roster.labels, station.settings.host)
        let holders = members.map { (member: $0, extent: known.1.extent(of: $0.number)) }
        for start in stride(from: 0, to: manifest.chunks.count, by: Session.page) {
            let end = min(manifest.chunks.count, start + Session.page)
            if Task.isCancelled { throw Failure(.stopped, name, "stopped") }
            await each(
                (start..<end).map { index in
                    let keepers = holders.filter { $0.extent.contains(index) }.map(\.member)
                    return ListedChunk(
                        index: index, id: manifest.chunks[index], offset: manifest.offset(of: index),
                        length: manifest.length(of: index), holders: keepers.compactMap { labels[$0.number] },
                        isHere: keepers.contains { $0.store.host == host })
                })
        }
    }

    public func status() async throws(Failure) -> SystemStatus {
        try await station.catchUp()
        let catalogue = station.catalogue
        let counts = try await station.work { () throws(Failure) in try catalogue.counts() }
        let stores = try await station.work { () throws(Failure) in try catalogue.stores() }
        let alive = try await station.refreshRoster().filter(\.isAlive).map(\.rank)
        let activities = await station.activities(of: [.metadataServer] + alive)
        let spaces = await station.spaces(of: alive)
        // That request may have revealed that a store is gone; refresh.
        let members = try await station.refreshRoster()
        let here = Set(members.map(\.number))
        var nodes = members.map { member in
            NodeStatus(
                store: member.store, rank: member.isAlive ? member.rank : nil, space: spaces[member.rank],
                traffic: activities[member.rank]?.traffic,
                awayMilliseconds: member.isAlive ? nil : member.awayMilliseconds)
        }
        for store in stores where !here.contains(store.number) && !store.hasLeft {
            nodes.append(NodeStatus(store: store.info, rank: nil, space: nil, traffic: nil, awayMilliseconds: nil))
        }
        return SystemStatus(
            state: catalogue.head.state, entries: counts.entries, contents: counts.contents, bytes: counts.bytes,
            nodes: nodes,
            commands: activities.values.flatMap(\.commands).sorted { $0.milliseconds > $1.milliseconds })
    }

    /// Scrubs all data servers, below these names or everything; see `VerifyJob`.
    public func verify(_ names: [Name]) async -> (report: Report, verified: [(server: String, verified: Verified)]) {
        do throws(Failure) {
            let members = try await syncedMembers()
            let state = station.catalogue.head.state
            var report = Report()
            report.names = try await existing(names, orFail: "no such name is published", &report)
            guard names.isEmpty || !report.names.isEmpty else { return (report, []) }
            let below = report.names
            var verified: [(server: String, verified: Verified)] = []
            await station.loop.inOrder(width: members.count, over: members) { [self] member in
                (member, await carryOut(.verify(below: below, state: state), at: member.rank))
            } take: { member, result in
                switch result {
                case .success(let one):
                    verified.append((station.roster.label(of: member), one))
                    report.failures += one.failures
                    report.files += one.contents
                    report.bytes += one.bytes
                case .failure(let failure): report.failures.append(failure)
                }
            }
            if !Task.isCancelled {
                let lost = try await lost(below: below)
                // A lost file is reported once, not also for the chunk that a data server could not mend.
                let named = Set(lost.map(\.subject))
                report.failures.removeAll { $0.kind == .corrupt && named.contains($0.subject) }
                report.failures += lost
            }
            if report.failures.isEmpty, !Task.isCancelled { report.failures = try await restoreCopies(below: below) }
            return (report, verified)
        } catch {
            return (.failed(error), [])
        }
    }

    /// Re-creates copies that an interrupted verify removed. Copies of absent stores are not replaced for that.
    private func restoreCopies(below names: [Name]) async throws(Failure) -> [Failure] {
        let catalogue = station.catalogue
        let stores = try await station.work { () throws(Failure) in try catalogue.stores() }
        let there = Set(station.members.filter(\.isAlive).map(\.number))
        guard stores.allSatisfy({ $0.hasLeft || there.contains($0.number) }) else { return [] }
        return await haveRepaired(.repair(below: names)).failures
    }

    /// The published files as this rank knows them.
    var view: Namespace { Namespace(self) }

    func children(of name: Name) -> Pages<DirectoryEntry, Name> {
        Pages(by: \.name) { [view] last async throws(Failure) in
            try await view.entries(of: name, after: last, limit: Session.page)
        }
    }

    /// The published ones among the names; the others become failures.
    func existing(
        _ names: [Name], orFail reason: String, _ report: inout Report
    ) async throws(Failure) -> [Name] {
        let catalogue = station.catalogue
        var found: [Name] = []
        for name in names {
            if try await station.work({ () throws(Failure) in try catalogue.entry(name) }) != nil || name.isRoot {
                found.append(name)
            } else {
                report.failures.append(Failure(.noSuchName, name, reason))
            }
        }
        return found
    }

    private func listed(_ entries: [DirectoryEntry]) async throws(Failure) -> [ListedEntry] {
        let catalogue = station.catalogue
        let keepers = Keepers(station.roster)
        return try await station.work { () throws(Failure) in
            let stores = try catalogue.stores()
            return try catalogue.snapshot { (snapshot) throws(Failure) in
                var listed: [ListedEntry] = []
                for one in entries {
                    let kept = try one.attributes.entry.content.flatMap { (content) throws(Failure) in
                        try snapshot.copies(of: content)
                    }
                    listed.append(keepers.listed(one, kept, stores))
                }
                return listed
            }
        }
    }
}
