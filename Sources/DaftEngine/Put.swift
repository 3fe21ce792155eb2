// put: publish local files from one node. diffuse: publish them balanced over all.

import DaftCore
import DaftLink
import DaftStore
import Synchronization

extension Session {
    /// Publishes `sources` on the data server at `host`; where none is named on the one of this node, else on any.
    public func put(_ sources: [[UInt8]], at host: String? = nil, as name: Name? = nil) async -> Report {
        do throws(Failure) {
            let members = try await lookAround()
            let sources = try named(sources, as: name)
            let target = try member(at: host, among: members) ?? anyMember(of: members, for: sources.map(\.name))
            let toOne = ToOne(member: target, chunkSize: station.settings.chunkSize)
            return await stage(sources, toOne, on: [target])
        } catch {
            return .failed(error)
        }
    }

    /// Publishes `sources` spread over the data servers: small files whole, large ones cut by chunks.
    public func diffuse(_ sources: [[UInt8]], as name: Name? = nil) async -> Report {
        do throws(Failure) {
            let members = try await lookAround()
            var free: [Int64] = []
            for member in members {
                let reply = try await station.ask(.space, at: member.rank)
                guard case .space(let space) = reply else { throw station.unexpected(reply, from: member.rank) }
                free.append(space.free)
            }
            let spread = ToAll(members, Placement(free: free, chunkSize: station.settings.chunkSize))
            return await stage(try named(sources, as: name), spread, on: members)
        } catch {
            return .failed(error)
        }
    }

    func stage(
        _ sources: [(path: [UInt8], name: Name)], _ assignment: any Assignment, on members: [Member]
    ) async -> Report {
        var report = await Staging(session: self, assignment: assignment, members: members).run(sources)
        report.names = sources.map(\.name)
        report.places = members.map(station.roster.label)
        return report
    }

    /// The name each source is published under.
    func named(_ sources: [[UInt8]], as name: Name?) throws(Failure) -> [(path: [UInt8], name: Name)] {
        var named: [(path: [UInt8], name: Name)] = []
        for source in sources.map(local) { named.append((source, try publishedName(of: source, unless: name))) }
        return named
    }

    /// With no data server on this node any will do; the same names go to the same, so that a rerun finds its parts.
    private func anyMember(of members: [Member], for names: [Name]) -> Member {
        members[Int(names.reduce(0) { mixed($1.bytes, into: $0) } % UInt64(members.count))]
    }
}

/// The name that the user gave, or the one that follows from the path.
func publishedName(of path: [UInt8], unless given: Name?) throws(Failure) -> Name {
    if let given { return given }
    return try publishedName(of: path)
}

private struct ToOne: Assignment {
    let member: Member
    let chunkSize: ChunkSize

    func assign(_ files: [StagedFile]) -> [Share] {
        files.enumerated().map { index, file in
            Share(file: index, chunks: 0..<chunkSize.count(of: file.info.size), member: member)
        }
    }
}

private final class ToAll: Assignment {
    private let members: [Member]
    private let placement: Mutex<Placement>

    init(_ members: [Member], _ placement: Placement) {
        self.members = members
        self.placement = Mutex(placement)
    }

    func assign(_ files: [StagedFile]) -> [Share] {
        let batch = placement.withLock { $0.place(files.map(\.info.size)) }
        return batch.pieces.map { Share(file: $0.file, chunks: $0.chunks, member: members[$0.store]) }
    }
}
