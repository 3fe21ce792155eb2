// What is coming into this rank's store along a chain, so that it can go on to the next rank before it is kept, or even
// here; and what became of it.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class Relay: Sendable {
    enum Place: Sendable {
        /// Landing now, or landed and being hashed: the piece with that number of its run.
        case incomingSlab(IncomingSlab, index: Int, offset: Int)
        /// In a file whose content is not known yet.
        case written(Written)
        /// Wherever the store says.
        case kept
        /// It does not come.
        case failed
    }

    struct Written: Sendable {
        weak let partialFile: PartialFile?
        let chunk: Int
    }

    private struct State {
        var places: [Piece: Place] = [:]
        var noted: [Piece] = []
        var oldest = 0
        var orders = 0
    }

    /// More than are under way at any moment, and so few that nobody notices.
    private static let remembered = 16_384

    /// Something began to land, or was kept, or failed.
    let changed: Condition
    private let state = Mutex(State())

    init(on loop: any Loop) { changed = Condition(on: loop) }

    /// Whether this rank is part of a chain at the moment: only then is it worth while to wait for anything here.
    var isBusy: Bool { state.withLock { $0.orders > 0 } }

    func enter() { state.withLock { $0.orders += 1 } }

    /// With the last chain goes what is known of it: in the next one that same content may come by another way.
    func leave() {
        state.withLock { state in
            state.orders -= 1
            if state.orders == 0 { (state.places, state.noted, state.oldest) = ([:], [], 0) }
        }
        changed.notify()
    }

    func begin(_ run: ChunkRun, _ incomingSlab: IncomingSlab) {
        for (index, (piece, offset)) in zip(run.pieces, run.offsets).enumerated() {
            set(piece, .incomingSlab(incomingSlab, index: index, offset: offset))
        }
        incomingSlab.onChange { [changed] in changed.notify() }
    }

    /// A run that lies in a slab, read here and not kept yet: who waits for it need not read it from the disk again.
    func show(_ run: ChunkRun, in slab: Slab) {
        let incomingSlab = IncomingSlab(slab)
        incomingSlab.begin(run.pieces.map { _ in .sent })
        incomingSlab.finish()
        begin(run, incomingSlab)
    }

    func note(_ pieces: [Piece], _ place: Place) {
        for piece in pieces { set(piece, place) }
        changed.notify()
    }

    /// It did not come right: whoever asks waits until it does.
    func forget(_ pieces: [Piece]) { state.withLock { state in for piece in pieces { state.places[piece] = nil } } }

    func place(of piece: Piece) -> Place? { state.withLock { $0.places[piece] } }

    private func set(_ piece: Piece, _ place: Place) {
        state.withLock { state in
            if state.places.updateValue(place, forKey: piece) == nil { state.noted.append(piece) }
            while state.places.count > Relay.remembered, state.oldest < state.noted.count {
                state.places[state.noted[state.oldest]] = nil
                state.oldest += 1
            }
            if state.oldest > Relay.remembered {
                state.noted.removeFirst(state.oldest)
                state.oldest = 0
            }
        }
    }

    /// Where a whole run lies, if it lies in one incoming slab just as it was asked for, and all of it is on its way.
    func incomingSlab(of run: ChunkRun) -> (incomingSlab: IncomingSlab, offset: Int, states: [PieceState])? {
        guard let first = run.pieces.first,
            case .incomingSlab(let incomingSlab, let start, let offset) = place(of: first),
            let states = incomingSlab.states
        else { return nil }
        for (index, (piece, distance)) in zip(run.pieces, run.offsets).enumerated() {
            guard case .incomingSlab(let same, start + index, offset + distance) = place(of: piece),
                same === incomingSlab,
                states.indices.contains(start + index), states[start + index].isOnItsWay,
                run.compression > 0 || !states[start + index].isPacked
            else { return nil }
        }
        return (incomingSlab, offset, Array(states[start..<start + run.pieces.count]))
    }
}
