// What a user asks without moving anything: ls, stat, tree, status; and verify, which reads but tells.

import DaftCatalogue
import DaftCore
import DaftLink

/// One name, as it is listed.
public struct Listed: Sendable {
    public let name: Name
    public let entry: Entry
    /// Of a file: bytes and chunks.
    public let size: Int64
    public let chunks: Int
    /// The data servers that keep it complete, and those that keep some of its chunks.
    public let complete: [Member]
    public let partly: [Member]
}

/// One chunk of a file, and who keeps it.
public struct ListedChunk: Sendable {
    public let index: Int
    public let id: ChunkID
    public let offset: Int64
    public let length: Int
    public let holders: [Member]
}

public struct SystemStatus: Sendable {
    public let state: State
    public let entries: Int
    public let contents: Int
    public let bytes: Int64
    public let nodes: [NodeStatus]
}

public struct NodeStatus: Sendable {
    public let member: Member
    /// None where the node did not say.
    public let space: Space?
    /// Bytes of contents that it keeps complete.
    public let isAlive: Bool
}

extension Session {
    private static let page = 500

    /// The entries that `ls NAME` shows: of a directory what is in it, else the entry itself. `each` gets them in order,
    /// some hundred at a time.
    public func list(_ name: Name, each: ([Listed]) async -> Void) async throws(Failure) {
        _ = try await lookAround()
        let catalogue = station.catalogue
        let root = try await entry(name)
        guard root?.isDirectory ?? true else {
            await each(try await listed([NamedEntry(name, root ?? Entry(.directory, mode: 0, mtime: .zero))]))
            return
        }
        var last: Name?
        while true {
            let after = last
            let page = try await station.work { () throws(Failure) in
                try catalogue.children(of: name, after: after, limit: Session.page)
            }
            guard let end = page.last else { return }
            await each(try await listed(page))
            last = end.name
        }
    }

    public func stat(_ name: Name) async throws(Failure) -> (listed: Listed, content: ContentID?, names: [Name]) {
        _ = try await lookAround()
        guard let entry = try await entry(name) else { throw Failure(.usage, name, "the root has nothing to show") }
        let listed = try await listed([NamedEntry(name, entry)])
        let catalogue = station.catalogue
        let names = try await station.work { () throws(Failure) in
            try entry.content.map { (content) throws(Failure) in try catalogue.names(of: content) } ?? []
        }
        guard let one = listed.first else { throw Failure(.noSuchName, name, "no such name is published") }
        return (one, entry.content, names)
    }

    /// A name and everything below it, in the order of names.
    public func tree(_ name: Name, each: ([NamedEntry]) async -> Void) async throws(Failure) {
        _ = try await lookAround()
        _ = try await entry(name)
        try await eachPage(below: name) { (page) async throws(Failure) in await each(page) }
    }

    /// The chunks of a file with their holders, some hundred at a time.
    public func chunks(of name: Name, each: ([ListedChunk]) async -> Void) async throws(Failure) {
        let members = try await lookAround()
        let catalogue = station.catalogue
        guard let content = try await entry(name)?.content else { return }
        let known = try await station.work { () throws(Failure) in
            (try catalogue.manifest(content), try catalogue.holders(of: content))
        }
        guard let manifest = known.0 else { throw Failure(.malformed, name, "its manifest is not known") }
        let holders = members.map { (member: $0, extent: known.1.extent(of: $0.number)) }
        for start in stride(from: 0, to: manifest.chunks.count, by: Session.page) {
            let end = min(manifest.chunks.count, start + Session.page)
            await each(
                (start..<end).map { index in
                    ListedChunk(
                        index: index, id: manifest.chunks[index], offset: manifest.offset(of: index),
                        length: manifest.length(of: index),
                        holders: holders.filter { $0.extent.contains(index) }.map(\.member))
                })
        }
    }

    public func status() async throws(Failure) -> SystemStatus {
        try await station.catchUp()
        let catalogue = station.catalogue
        let counts = try await station.work { () throws(Failure) in try catalogue.counts() }
        var nodes: [NodeStatus] = []
        for member in try await station.refreshRoster() {
            var space: Space?
            if member.isAlive, case .space(let told) = try? await station.ask(.space, at: member.rank) { space = told }
            nodes.append(NodeStatus(member: member, space: space, isAlive: space != nil))
        }
        return SystemStatus(
            state: catalogue.head.state, entries: counts.entries, contents: counts.contents, bytes: counts.bytes,
            nodes: nodes)
    }

    /// Every data server reads again what it keeps below these names, or everything; see `Verifying`.
    public func verify(_ names: [Name]) async -> (report: Report, verified: [(member: Member, verified: Verified)]) {
        do throws(Failure) {
            let members = try await lookAround()
            let state = station.catalogue.head.state
            var report = Report()
            var verified: [(member: Member, verified: Verified)] = []
            await station.loop.inOrder(width: members.count, over: members) { [self] member in
                let order = Order.verify(below: names, state: state)
                return (member, await station.carryOut(order, at: member.rank, watch: gauge.part()))
            } take: { member, outcome in
                switch outcome {
                case .verified(let one):
                    verified.append((member, one))
                    report.failures += one.failures
                    report.files += one.contents
                    report.bytes += one.bytes
                case .failed(let failure): report.failures.append(failure)
                default: report.failures.append(Failure(.malformed, [], node: member.store.host, "no such outcome"))
                }
            }
            return (report, verified)
        } catch {
            return (.failed(error), [])
        }
    }

    /// What stands under a name; nothing for the root, which needs no publishing.
    private func entry(_ name: Name) async throws(Failure) -> Entry? {
        let catalogue = station.catalogue
        let entry = try await station.work { () throws(Failure) in try catalogue.entry(name) }
        guard entry != nil || name.isRoot else { throw Failure(.noSuchName, name, "no such name is published") }
        return entry
    }

    private func listed(_ entries: [NamedEntry]) async throws(Failure) -> [Listed] {
        let catalogue = station.catalogue
        let members = station.roster.members
        return try await station.work { () throws(Failure) in
            var listed: [Listed] = []
            for named in entries {
                var (size, chunks, holders) = (Int64(0), 0, Holders())
                if let content = named.entry.content, let known = try catalogue.size(of: content) {
                    (size, chunks) = known
                    holders = try catalogue.holders(of: content)
                }
                listed.append(
                    Listed(
                        name: named.name, entry: named.entry, size: size, chunks: chunks,
                        complete: members.filter { holders.complete.contains($0.number) },
                        partly: members.filter { member in holders.parts.contains { $0.store == member.number } }))
            }
            return listed
        }
    }
}
