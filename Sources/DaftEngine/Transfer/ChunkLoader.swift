// Loads chunks from another rank and verifies them: the only place where payload enters this rank.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

enum Arrival {
    case right
    case absent
    case wrong
}

/// Corruption reports of one command: each rank gets one per content.
final class CorruptionReports: Sendable {
    private struct Doubt: Hashable {
        let rank: Rank
        let content: ContentID
    }

    private let reported = Mutex<Set<Doubt>>([])

    func isNew(_ content: ContentID, at rank: Rank) -> Bool {
        reported.withLock { $0.insert(Doubt(rank: rank, content: content)).inserted }
    }
}

extension Station {
    /// Loads and verifies pieces; the slab is useless if all are absent. `isRelayed`: the next rank of the chain may
    /// read them while they arrive; the caller then reports to the relay what becomes of them.
    func load(
        _ pieces: [Piece], _ ids: [ChunkID], from rank: Rank, waits: Bool = false, isRelayed: Bool,
        progressCounter: ProgressCounter,
        doubts: CorruptionReports
    ) async throws(LinkError) -> (slab: Slab, arrivals: [Arrival]) {
        let isPacked = settings.compression > 0 && rank != self.rank
        let run = ChunkRun(pieces, waits: waits, compression: isPacked ? settings.compression : 0)
        let slabs = await intake.take(isPacked ? 2 : 1, of: run.byteCount)
        // Relayed runs must go through the link, since the relay serves from its slabs.
        let near = isRelayed ? nil : await readNear(run, from: rank, into: slabs[0])
        let incomingSlab = isRelayed || trace != nil ? IncomingSlab(slabs[0]) : nil
        if isRelayed, let incomingSlab { relay.begin(run, incomingSlab) }
        let receiving = incomingSlab.flatMap { TransferTrace(run, ids, from: rank, $0, trace) }
        let states: [PieceState]
        do throws(LinkError) {
            states =
                if let near { near } else {
                    try await link.load(
                        run, from: rank, into: slabs[0], incomingSlab: incomingSlab,
                        timeoutMilliseconds: settings.loadMilliseconds)
                }
        } catch {
            note(.warning, "load.failed", ["from": "\(rank.number)", "reason": error.reason])
            if isRelayed { relay.forget(pieces) }
            throw error
        }
        if near == nil { receiving?.end(states) }
        let slab = states.contains(where: \.isPacked) ? slabs[slabs.count - 1] : slabs[0]
        if slab !== slabs[0] { await workers.run { Compression.unpack(run, states, from: slabs[0], into: slab) } }
        let offsets = run.offsets
        let came = pieces.indices.filter { states[$0].hasBytes }
        let found = await digesting.digests(
            of: came.map { slab.slice(offsets[$0], pieces[$0].length) },
            noting: receiving?.verifying(came))
        if rank != self.rank, near == nil {
            let moved = run.bytesMoved(states)
            progressCounter.add(moved: moved)
            counter.add(received: moved)
        }
        var arrivals = [Arrival](repeating: .absent, count: states.count)
        for (index, digest) in zip(came, found) { arrivals[index] = digest == ids[index] ? .right : .wrong }
        if isRelayed { relay.forget(arrivals.indices.filter { arrivals[$0] != .right }.map { pieces[$0] }) }
        let wrong = arrivals.indices.filter { arrivals[$0] == .wrong && states[$0].isVerifiedBySupplier }.map {
            pieces[$0]
        }
        if !wrong.isEmpty { note(.warning, "chunks.wrong", ["from": "\(rank.number)", "chunks": "\(wrong.count)"]) }
        doubt(wrong, at: rank, doubts)
        return (slab, arrivals)
    }

    /// Asks a store that sent wrong bytes to verify its copy before others get it. If the request is lost, the next
    /// reader finds the bytes wrong again.
    private func doubt(_ pieces: [Piece], at rank: Rank, _ doubts: CorruptionReports) {
        var contents: [ContentID] = []
        for case .kept(let content) in pieces.map(\.origin) where doubts.isNew(content, at: rank) {
            contents.append(content)
        }
        if contents.isEmpty { return }
        let asked = contents
        loop.start { [self] in _ = try? await ask(.doubt(asked), at: rank) }
    }
}
