// What comes has room, or it is refused: before a published name is brought anywhere, and of local sources as soon as
// what was found in them is more than there is room for, which for large files is before the first byte moves.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire
import Synchronization

extension Station {
    /// How much room there is on each of these; one that does not say is passed over.
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
    /// The room that there is now. Who does not say is asked nothing of.
    func room(at members: [Member]) async -> FreeSpace {
        let spaces = await station.spaces(of: members.map(\.rank))
        let servers = members.compactMap { member in
            spaces[member.rank].map { space in
                FreeSpace.Server(store: member.number, host: member.store.host, path: member.store.path, space: space)
            }
        }
        return FreeSpace(servers, others: members.count - servers.count)
    }

    /// One for each data server that has no room for what it lacks of these names.
    func refusals(of names: [Name], at members: [Member]) async throws(Failure) -> [Failure] {
        let room = await room(at: members)
        let catalogue = station.catalogue
        let everything = try await station.work { () throws(Failure) in try catalogue.counts().bytes }
        // All that is published is seldom more than a disk has room for, and nothing has to be counted.
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
    /// How many bytes each store lacks of these contents; zeros take no room.
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

/// Counts what a staging finds against the room there is. What of it is here already takes time to find out: as long
/// as there is room for all, only what is not recognised is looked up.
final class SpaceCheck: Sendable {
    private struct State {
        var sum = Sum()
        /// By ticket: counted as if none of it were here.
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

    /// Why there is no room; empty while there is.
    var refusals: [Failure] { state.withLock { $0.refusals } }

    /// A ticket, if these have room after all that came before.
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

    /// Of what the ticket was for, these are left.
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

    /// What is published already under its name, of the same size and time, is kept where the catalogue says; unless
    /// all of it is taken for new.
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

    private func kept(_ file: StagedFile) -> BitSet {
        guard let entry = try? catalogue.entry(file.name), let content = entry.content,
            entry.mtime == file.found.mtime, (try? catalogue.size(of: content))?.bytes == file.info.size
        else { return BitSet() }
        return (try? catalogue.holders(of: content).complete) ?? BitSet()
    }
}
