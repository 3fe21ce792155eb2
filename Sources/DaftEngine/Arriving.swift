// Loads chunks from another rank and looks at what came: the one place where bytes enter this rank.

import DaftCore
import DaftLink
import DaftStore
import Synchronization

enum Arrival {
    case right
    case absent
    case wrong
}

/// Of whom something wrong came, in one command: each is told once of each content.
final class Doubts: Sendable {
    private struct Doubt: Hashable {
        let rank: Rank
        let content: ContentID
    }

    private let told = Mutex<Set<Doubt>>([])

    func isNew(_ content: ContentID, at rank: Rank) -> Bool {
        told.withLock { $0.insert(Doubt(rank: rank, content: content)).inserted }
    }
}

extension Station {
    /// Loads a run into a slab, which is of no more use when all is absent. `isRelayed`: the next in a chain may have
    /// it as it comes; then the caller says to the relay what becomes of what is right.
    func load(
        _ run: ChunkRun, _ ids: [ChunkID], from rank: Rank, into slab: Slab, isRelayed: Bool, meter: Meter,
        doubts: Doubts
    ) async throws(LinkError) -> [Arrival] {
        let landing = isRelayed ? Landing(slab) : nil
        if let landing { relay.begin(run, landing) }
        let states: [PieceState]
        do throws(LinkError) {
            states = try await link.load(
                run, from: rank, into: slab, landing: landing, timeoutMilliseconds: settings.loadMilliseconds)
        } catch {
            if isRelayed { relay.forget(run.pieces) }
            throw error
        }
        let offsets = run.offsets
        let came = run.pieces.indices.filter { states[$0].isOnItsWay }
        let found = await digesting.digests(
            of: came.map { UnsafeRawBufferPointer(slab.slice(offsets[$0], run.pieces[$0].length)) })
        if rank != self.rank { meter.add(moved: came.reduce(0) { $0 + run.pieces[$1].length }) }
        var arrivals = [Arrival](repeating: .absent, count: states.count)
        for (index, digest) in zip(came, found) { arrivals[index] = digest == ids[index] ? .right : .wrong }
        if isRelayed { relay.forget(arrivals.indices.filter { arrivals[$0] != .right }.map { run.pieces[$0] }) }
        let wrong = arrivals.indices.filter { arrivals[$0] == .wrong && states[$0] == .sent }.map { run.pieces[$0] }
        doubt(wrong, at: rank, doubts)
        return arrivals
    }

    /// What a store sent of its own, and was wrong, it looks at again before anybody else gets it.
    private func doubt(_ pieces: [Piece], at rank: Rank, _ doubts: Doubts) {
        var contents: [ContentID] = []
        for case .kept(let content) in pieces.map(\.origin) where doubts.isNew(content, at: rank) {
            contents.append(content)
        }
        if contents.isEmpty { return }
        let asked = contents
        loop.start { [self] in _ = try? await ask(.doubt(asked), at: rank) }
    }
}
