// Tracks chunks arriving in this rank's store along a chain, so that the next rank can read them before they are
// stored.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class Relay: Sendable {
    enum PieceLocation: Sendable {
        /// Arriving, or being hashed: the piece at `index` of its run.
        case incomingSlab(IncomingSlab, index: Int, offset: Int)
        /// In the partial file of a content not yet complete.
        case written(Written)
        /// In the store.
        case kept
        /// It will not arrive.
        case failed
    }

    struct Written: Sendable {
        weak let partialFile: PartialFile?
        let chunk: Int
    }

    private struct State {
        var locations: [Piece: PieceLocation] = [:]
        var noted: [Piece] = []
        var oldest = 0
        var orders = 0
    }

    /// Well above the number of chunks in flight, with negligible memory.
    private static let remembered = 16_384

    /// A chunk began to arrive, was stored, or failed.
    let changed: Condition
    private let state = Mutex(State())

    init(on loop: any Loop) { changed = Condition(on: loop) }

    /// Whether this rank is in a chain now; otherwise nothing will arrive and waiting is useless.
    var isBusy: Bool { state.withLock { $0.orders > 0 } }

    func enter() { state.withLock { $0.orders += 1 } }

    /// The end of the last chain clears all places: the next may bring the same content another way.
    func leave() {
        state.withLock { state in
            state.orders -= 1
            if state.orders == 0 { (state.locations, state.noted, state.oldest) = ([:], [], 0) }
        }
        changed.notify()
    }

    func begin(_ run: ChunkRun, _ incomingSlab: IncomingSlab) {
        for (index, (piece, offset)) in zip(run.pieces, run.offsets).enumerated() {
            set(piece, .incomingSlab(incomingSlab, index: index, offset: offset))
        }
        incomingSlab.onChange { [changed] in changed.notify() }
    }

    /// Serves a run from its slab until it is stored, instead of reading it from disk again.
    func show(_ run: ChunkRun, in slab: Slab) {
        let incomingSlab = IncomingSlab(slab)
        incomingSlab.begin(run.pieces.map { _ in .sent })
        incomingSlab.finish()
        begin(run, incomingSlab)
    }

    func note(_ pieces: [Piece], _ location: PieceLocation) {
        for piece in pieces { set(piece, location) }
        changed.notify()
    }

    /// Forgets pieces that failed verification; requests wait until they arrive again.
    func forget(_ pieces: [Piece]) { state.withLock { state in for piece in pieces { state.locations[piece] = nil } } }

    func location(of piece: Piece) -> PieceLocation? { state.withLock { $0.locations[piece] } }

    private func set(_ piece: Piece, _ location: PieceLocation) {
        state.withLock { state in
            if state.locations.updateValue(location, forKey: piece) == nil { state.noted.append(piece) }
            while state.locations.count > Relay.remembered, state.oldest < state.noted.count {
                state.locations[state.noted[state.oldest]] = nil
                state.oldest += 1
            }
            if state.oldest > Relay.remembered {
                state.noted.removeFirst(state.oldest)
                state.oldest = 0
            }
        }
    }

    /// The slab with a whole run, if its pieces arrive contiguously in the requested order and none is missing.
    func incomingSlab(of run: ChunkRun) -> (incomingSlab: IncomingSlab, offset: Int, states: [PieceState])? {
        guard let first = run.pieces.first,
            case .incomingSlab(let incomingSlab, let start, let offset) = location(of: first),
            let states = incomingSlab.states
        else { return nil }
        for (index, (piece, distance)) in zip(run.pieces, run.offsets).enumerated() {
            guard case .incomingSlab(let same, start + index, offset + distance) = location(of: piece),
                same === incomingSlab,
                states.indices.contains(start + index), states[start + index].hasBytes,
                run.compression > 0 || !states[start + index].isPacked
            else { return nil }
        }
        return (incomingSlab, offset, Array(states[start..<start + run.pieces.count]))
    }
}
