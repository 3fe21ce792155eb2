// put: publishes local files at one data server. diffuse: spreads them over all.

import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire
import Synchronization

/// Receives what would be published; nothing is then published.
public typealias Preview = @Sendable ([PreviewedEntry]) async -> Void

public struct PreviewedEntry: Sendable {
    public let name: Name
    public let mode: UInt16
    public let mtime: Time
    /// Size of a file; nil for a symlink.
    public let size: Int64?
}

extension Session {
    /// Publishes `sources` at the data server at `host`; by default at this node's, else at any. Further copies go to
    /// the data servers that follow, along a chain.
    public func put(
        _ sources: [[UInt8]], at host: String? = nil, as name: Name? = nil, copies: Copies? = nil,
        with options: StagingOptions = StagingOptions(), preview: Preview? = nil
    ) async -> Report {
        do throws(Failure) {
            let members = try await syncedMembers()
            let copies = copies ?? station.settings.copies
            return try await spooling(sources) { (sources) async throws(Failure) in
                try await put(sources, at: host, as: name, copies, members, options, preview)
            }
        } catch {
            return .failed(error)
        }
    }

    private func put(
        _ sources: [[UInt8]], at host: String?, as name: Name?, _ copies: Copies, _ members: [Member],
        _ options: StagingOptions, _ preview: Preview?
    ) async throws(Failure) -> Report {
        var refused = Report()
        let sources = try await checked(sources, as: name, &refused)
        guard refused.failures.isEmpty else { return refused }
        let target = try member(at: host, among: members) ?? anyMember(of: members, for: sources.map(\.name))
        let targets = following(target, copies.among(members.count), of: members)
        if targets.count > 1 { commandProgress.expect(copies: targets.count) }
        let assignment: any Assignment =
            targets.count > 1
            ? ToEvery(targets, from: self, copies: copies)
            : ToOne(member: target, chunkSize: station.settings.chunkSize, copies: copies)
        var report = try await stage(sources, assignment, on: targets, options, preview)
        if let few = tooFew(copies, members) { report.warnings.append(few) }
        return report
    }

    /// Publishes `sources` spread over the data servers: small files whole, large ones split by chunks. Further copies
    /// are made afterwards, between data servers.
    public func diffuse(
        _ sources: [[UInt8]], as name: Name? = nil, copies: Copies? = nil,
        with options: StagingOptions = StagingOptions(), preview: Preview? = nil
    ) async -> Report {
        do throws(Failure) {
            let members = try await syncedMembers()
            let copies = copies ?? station.settings.copies
            let spread = ToAll(members, await room(at: members), station.settings.chunkSize, copies)
            var report = try await spooling(sources) { (sources) async throws(Failure) in
                var refused = Report()
                let sources = try await checked(sources, as: name, &refused)
                guard refused.failures.isEmpty else { return refused }
                var report = try await stage(sources, spread, on: members, options, preview)
                if copies > .one, report.files > 0, preview == nil, !Task.isCancelled {
                    let repaired = await haveRepaired(.repair(below: sources.map(\.name)))
                    report.failures += repaired.failures
                    report.moved += repaired.moved
                }
                return report
            }
            if let few = tooFew(copies, members) { report.warnings.append(few) }
            return report
        } catch {
            return .failed(error)
        }
    }

    func stage(
        _ sources: [(path: [UInt8], name: Name)], _ assignment: any Assignment, on members: [Member],
        _ options: StagingOptions, _ preview: Preview?
    ) async throws(Failure) -> Report {
        let list = try await list(of: options)
        var report = await PublishJob(self, assignment, members: members, options, list, preview).run(sources)
        report.servers = members.filter { !report.lackingHosts.contains($0.store.host) }.map(station.roster.label)
        report.slowest = stopwatch.slowest(among: members, station.roster, failures: report.failures)
        return report
    }

    /// The paths listed by `--files-from`.
    private func list(of options: StagingOptions) async throws(Failure) -> PathList? {
        guard let file = options.filesFrom else { return nil }
        let path = file.elementsEqual("-".utf8) ? Array("/dev/stdin".utf8) : local(file)
        let text = try await station.work { () throws(Failure) in try wholeFile(path, atMost: Session.longestList) }
        do throws(Failure) { return try PathList(text, byZeros: options.fromZeros) } catch {
            throw Failure(.usage, path, error.reason)
        }
    }

    private static let longestList = 256 << 20

    private func tooFew(_ copies: Copies, _ members: [Member]) -> Failure? {
        guard case .atLeast(let wanted) = copies, wanted > members.count else { return nil }
        let there = "\(members.count) data server\(members.count == 1 ? "" : "s")"
        return Failure(
            .missing, [],
            "\(wanted) copies are wanted, and there are \(there): more are made when more have joined")
    }

    /// `count` data servers from `first` on, in rank order with wrap-around; on distinct nodes as far as possible.
    private func following(_ first: Member, _ count: Int, of members: [Member]) -> [Member] {
        let sorted = members.sorted { $0.rank < $1.rank }
        let start = sorted.firstIndex { $0.rank == first.rank } ?? 0
        let round = sorted[start...] + sorted[..<start]
        var hosts: Set<String> = []
        let ones = round.filter { hosts.insert($0.store.host).inserted }
        let others = round.filter { member in !ones.contains { $0.rank == member.rank } }
        return Array((ones + others).prefix(max(1, count)))
    }

    /// The name of each source. If one cannot be staged or two have the same name, the report has failures and nothing
    /// may be transferred: users would have to clean up a half-finished staging.
    func checked(
        _ sources: [[UInt8]], as name: Name?, _ report: inout Report
    ) async throws(Failure) -> [(path: [UInt8], name: Name)] {
        let paths = sources.map(local)
        let host = station.settings.host
        let resolved = await station.workers.run {
            paths.map { path in Result { () throws(Failure) in try resolvedSource(path) } }
        }
        for case .failure(let failure) in resolved { report.failures.append(failure.at(host)) }
        var named: [(path: [UInt8], name: Name)] = []
        var known: [Name: [UInt8]] = [:]
        guard report.failures.isEmpty else { return [] }
        for (path, source) in zip(paths, resolved) {
            let name = try publishedName(of: path, below: clientContext.base, unless: name)
            if let other = known.updateValue(path, forKey: name) {
                if other == path { continue }
                let reason = "would be \(name), as \(shown(other)) is: stage one of them --as another name"
                report.failures.append(Failure(.usage, path, reason))
            }
            named.append((try source.get(), name))
        }
        return named
    }

    /// Any data server, chosen by the names, so that a rerun finds its partial files.
    private func anyMember(of members: [Member], for names: [Name]) -> Member {
        members[Int(names.reduce(0) { mixed($1.bytes, into: $0) } % UInt64(members.count))]
    }
}

/// The user's name, or the one derived from the path.
func publishedName(of path: [UInt8], below base: Name, unless given: Name?) throws(Failure) -> Name {
    if let given { return given }
    let name = try publishedName(of: path)
    do throws(NameError) { return base.isRoot ? name : try base.appending(name.last) } catch {
        throw Failure(.usage, path, "\(error.reason): give another with --as NAME")
    }
}

private struct ToOne: Assignment {
    let member: Member
    let chunkSize: ChunkSize
    let copies: Copies

    func assign(_ files: [StagedFile]) -> [Share] {
        files.enumerated().map { index, file in
            Share(file: index, chunks: 0..<chunkSize.count(of: file.info.size), member: member)
        }
    }
}

private final class ToAll: Assignment {
    let room: FreeSpace?
    let copies: Copies
    private let members: [Member]
    private let placement: Mutex<Placement>

    init(_ members: [Member], _ room: FreeSpace, _ chunkSize: ChunkSize, _ copies: Copies) {
        self.members = members
        self.room = room
        self.copies = copies
        let free = members.map { member in
            room.servers.firstIndex { $0.store == member.number }.map(room.bytes) ?? 0
        }
        placement = Mutex(Placement(free: free, chunkSize: chunkSize))
    }

    func assign(_ files: [StagedFile]) -> [Share] {
        let pieces = placement.withLock { $0.place(files.map(\.info.size)) }
        return pieces.map { Share(file: $0.file, chunks: $0.chunks, member: members[$0.store]) }
    }
}
