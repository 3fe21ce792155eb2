// Trace events of transfers between ranks: when slabs were received, verified and sent.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

/// Traces one load from its request on. Receiving begins with the second change of the slab, since bytes before it may
/// belong to earlier requests on the same link; if all bytes come at once, with the answer.
final class TransferTrace: Sendable {
    private let trace: Trace
    private let incomingSlab: IncomingSlab
    private let run: ChunkRun
    private let ids: [ChunkID]
    private let peer: Rank
    private let asked: UInt64
    /// Times of the answer, the first bytes, and the next bytes.
    private let times = Mutex<[UInt64]>([])

    /// Nil if tracing is off. Create it before the load starts.
    init?(_ run: ChunkRun, _ ids: [ChunkID], from peer: Rank, _ incomingSlab: IncomingSlab, _ trace: Trace?) {
        guard let trace else { return nil }
        (self.trace, self.incomingSlab, self.run, self.ids, self.peer) = (trace, incomingSlab, run, ids, peer)
        asked = trace.now
        incomingSlab.onChange { [self] in change() }
    }

    private func change() {
        if incomingSlab.isOver { return }
        let count = times.withLock { times in
            times.append(trace.now)
            return times.count
        }
        if count < 3 { incomingSlab.onChange { [self] in change() } }
    }

    private var begun: UInt64? { times.withLock { $0.count == 3 ? $0[1] : $0.first } }

    func end(_ states: [PieceState]) {
        let came = run.pieces.indices.filter { states[$0].hasBytes }
        guard let first = came.first else { return }
        let bytes = run.bytesMoved(states)
        let now = trace.now
        trace.note(
            TraceEvent(
                .received, subject(first), chunks: came.count, bytes: bytes, peer: peer,
                from: begun ?? now, to: now, askedNanoseconds: asked))
    }

    /// A callback for when these pieces have been hashed.
    func verifying(_ came: [Int]) -> HashQueue.Noting? {
        guard let first = came.first else { return nil }
        let bytes = came.reduce(0) { $0 + run.pieces[$1].length }
        return { [trace, subject = subject(first)] begun, end in
            trace.note(TraceEvent(.verified, subject, chunks: came.count, bytes: bytes, from: begun, to: end))
        }
    }

    private func subject(_ index: Int) -> TraceEvent.Subject {
        TraceEvent.Subject(run.pieces[index], chunk: ids[index])
    }
}

extension Trace {
    /// Traces a supply as sent once its last byte has left; the time starts now.
    func watch(_ supply: inout Supply, of run: ChunkRun, to peer: Rank) {
        let states = supply.states
        let came = run.pieces.indices.filter { states[$0].hasBytes }
        guard let first = came.first else { return }
        let subject = TraceEvent.Subject(run.pieces[first])
        let bytes = run.bytesMoved(states)
        let begun = now
        supply.onEnd { [self] in
            note(TraceEvent(.sent, subject, chunks: came.count, bytes: bytes, peer: peer, from: begun, to: now))
        }
    }
}
