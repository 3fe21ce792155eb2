// Refuses what does not fit: a published name before any transfer; local sources as soon as the files found exceed the
// free space, which for large files is before the first byte moves.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire
import Synchronization

extension Station {
    /// Free space of these ranks; ranks that do not answer are left out.
    func spaces(of ranks: [Rank]) async -> [Rank: Space] {
        var spaces: [Rank: Space] = [:]
        await loop.inOrder(width: max(1, ranks.count), over: ranks) { [self] rank in
            (rank, try? await ask(.space, at: rank))
        } take: { rank, reply in
            if case .space(let space) = reply { spaces[rank] = space }
        }
        return spaces
    }
}

extension Session {
    /// Current free space. Members that do not answer are not checked.
    func room(at members: [Member]) async -> FreeSpace {
        let spaces = await station.spaces(of: members.map(\.rank))
        let servers = members.compactMap { member in
            spaces[member.rank].map { space in
                FreeSpace.Server(store: member.number, host: member.store.host, path: member.store.path, space: space)
            }
        }
        return FreeSpace(servers, others: members.count - servers.count)
    }

    /// A refusal for each data server without room for what it lacks of these names.
    func refusals(of names: [Name], at members: [Member]) async throws(Failure) -> [Failure] {
        let room = await room(at: members)
        let catalogue = station.catalogue
        let everything = try await station.work { () throws(Failure) in try catalogue.counts().bytes }
        // Fast path: if everything published fits everywhere, nothing has to be counted.
        if everything <= room.least { return [] }
        var coming: [Int: Int64] = [:]
        var seen: Set<ContentID> = []
        for name in names {
            try await station.eachEntry(below: name) { (page) async throws(Failure) in
                let contents = page.compactMap(\.entry.content).filter { seen.insert($0).inserted }
                let lacking = try await station.work { () throws(Failure) in
                    try room.lacking(contents, by: catalogue)
                }
                coming.merge(lacking, uniquingKeysWith: +)
            }
        }
        return room.refusals(needsAll: station.settings.needsRoomEverywhere) { coming[$0] ?? 0 }
    }
}

extension FreeSpace {
    /// Bytes that each store lacks of these contents; zero chunks take no space.
    fileprivate func lacking(_ contents: [ContentID], by catalogue: Catalogue) throws(Failure) -> [Int: Int64] {
        var lacking: [Int: Int64] = [:]
        for content in contents {
            let complete = try catalogue.holders(of: content).complete
            let without = servers.filter { !complete.contains($0.store) }
            guard !without.isEmpty, let manifest = try catalogue.manifest(content) else { continue }
            let bytes = manifest.chunks.indices.reduce(Int64(0)) { sum, index in
                let length = manifest.length(of: index)
                return sum + (manifest.chunks[index] == zeroChunkID(length: length) ? 0 : Int64(length))
            }
            for server in without { lacking[server.store, default: 0] += bytes }
        }
        return lacking
    }
}

/// Compares the files found by a staging with free space. Finding out what stores already have is slow, so files are
/// first counted as new, and only if those do not fit is the catalogue consulted.
final class SpaceCheck: Sendable {
    private struct State {
        var sum = Sum()
        /// Files by ticket, counted as if none were stored yet.
        var unsettled: [Int: [StagedFile]] = [:]
        var tickets = 0
        var refusals: [Failure] = []
    }

    private struct Sum {
        var coming: [Int: Int64] = [:]
        var spread: Int64 = 0
    }

    private let room: FreeSpace
    private let catalogue: Catalogue
    private let isSpread: Bool
    private let needsAll: Bool
    private let state = Mutex(State())

    init(_ room: FreeSpace, _ catalogue: Catalogue, isSpread: Bool, needsAll: Bool) {
        self.room = room
        self.catalogue = catalogue
        self.isSpread = isSpread
        self.needsAll = needsAll
    }

    /// Why the files do not fit; empty if they do.
    var refusals: [Failure] { state.withLock { $0.refusals } }

    /// Reserves space for files; returns a ticket, or nil if they do not fit.
    func takes(_ files: [StagedFile]) -> Int? {
        state.withLock { state in
            state.tickets += 1
            state.unsettled[state.tickets] = files
            var most = state.sum
            for files in state.unsettled.values { add(files, to: &most, isNew: true) }
            state.refusals = refusals(of: most)
            if state.refusals.isEmpty { return state.tickets }
            for files in state.unsettled.values { add(files, to: &state.sum, isNew: false) }
            state.unsettled = [:]
            state.refusals = refusals(of: state.sum)
            return state.refusals.isEmpty ? state.tickets : nil
        }
    }

    /// Replaces a ticket's reservation by the files that were not recognised as unchanged.
    func settle(_ ticket: Int, _ files: [StagedFile]) {
        state.withLock { state in
            guard state.unsettled.removeValue(forKey: ticket) != nil else { return }
            add(files, to: &state.sum, isNew: false)
        }
    }

    private func refusals(of sum: Sum) -> [Failure] {
        isSpread
            ? room.refusals(ofSpread: sum.spread)
            : room.refusals(needsAll: needsAll) { sum.coming[$0] ?? 0 }
    }

    /// A file published at its name with the same size and mtime counts as kept by the catalogue's holders, unless
    /// `isNew`.
    private func add(_ files: [StagedFile], to sum: inout Sum, isNew: Bool) {
        for file in files {
            let bytes = min(file.info.size, file.found.allocatedBytes)
            sum.spread += bytes
            let keepers = isNew || isSpread ? BitSet() : kept(file)
            for server in room.servers where !keepers.contains(server.store) {
                sum.coming[server.store, default: 0] += bytes
            }
        }
    }

    /// If the catalogue cannot be read, the file counts as one still to be stored.
    private func kept(_ file: StagedFile) -> BitSet {
        guard let entry = try? catalogue.entry(file.name), let content = entry.content,
            entry.mtime == file.found.mtime, (try? catalogue.size(of: content))?.bytes == file.info.size
        else { return BitSet() }
        return (try? catalogue.holders(of: content).complete) ?? BitSet()
    }
}
