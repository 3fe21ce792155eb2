// The responder for the contract's checks: predictable replies, some of them late.
//
//     ping                  done
//     poll(n)               working(n), with the number of earlier polls by that rank
//     doubt(ids)            the ids: a large request and a large reply
//     identify(offer, [])   identified [], after the offer's number in milliseconds
//     cancel(end)           done; ends the checks
//     load                  bytes derived from offer, file and chunk; file 1 is missing, file 2 has changed, file 3
//                           is delayed by the offer's number in milliseconds, file 4 is relayed in parts while it
//                           arrives, and of file 5 only the first third is sent

import DaftModel
import DaftWire
import Synchronization

final class ContractResponder: Responder {
    static let end: UInt64 = .max
    static let missing = 1
    static let changed = 2
    static let late = 3
    static let relayed = 4
    static let packed = 5

    private let loop: any Loop
    private let pool = SlabPool(totalBytes: 64 << 20, slabBytes: 1 << 20)
    private let polls = Mutex<[Rank: Int64]>([:])
    private let hasEnded = Atomic<Bool>(false)
    private let over: Condition

    init(on loop: any Loop) {
        self.loop = loop
        over = Condition(on: loop)
    }

    func awaitEnd() async {
        while !hasEnded.load(ordering: .acquiring) { await over.wait(until: loop.deadline(inMilliseconds: 1_000)) }
        await loop.sleep(milliseconds: 100)  // the last reply is on its way
    }

    func answer(_ request: Request, from rank: Rank) async -> Reply {
        switch request {
        case .ping: return .done
        case .poll(let number):
            let before = polls.withLock { polls in
                defer { polls[rank, default: 0] += 1 }
                return polls[rank] ?? 0
            }
            return .working(task: number, Progress(bytes: before))
        case .doubt(let ids): return .identified([.ids(ids)])
        case .identify(let offer, _):
            await loop.sleep(milliseconds: Int(offer.number))
            return .identified([])
        case .cancel(ContractResponder.end):
            hasEnded.store(true, ordering: .releasing)
            over.notify()
            return .done
        default: return .failed(Failure(.malformed, [], "this is nothing to ask in a check"))
        }
    }

    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply {
        let slab = await pool.take(run.byteCount + ContractResponder.ahead)
        if case .offered(_, ContractResponder.relayed)? = run.pieces.first?.origin { return relay(run, slab) }
        var states: [PieceState] = []
        for (piece, offset) in zip(run.pieces, run.offsets) {
            guard case .offered(let offer, let file) = piece.origin, file != ContractResponder.missing else {
                states.append(.missing)
                continue
            }
            if file == ContractResponder.changed {
                states.append(.changed)
                continue
            }
            if file == ContractResponder.late { await loop.sleep(milliseconds: Int(offer)) }
            slab.slice(offset, piece.length).withMutableBytes { fill($0, as: piece) }
            states.append(file == ContractResponder.packed ? .packed(piece.length / 3, relayed: false) : .sent)
        }
        return Supply(slab: slab, states: states)
    }

    /// Bytes before a relayed run in its slab.
    private static let ahead = 1_000

    private func relay(_ run: ChunkRun, _ slab: Slab) -> Supply {
        let incomingSlab = IncomingSlab(slab)
        incomingSlab.begin(run.pieces.map { _ in .sent })
        loop.start { [self] in
            for (piece, offset) in zip(run.pieces, run.offsets) {
                await loop.sleep(milliseconds: 5)
                slab.slice(ContractResponder.ahead + offset, piece.length).withMutableBytes { fill($0, as: piece) }
                incomingSlab.advance(to: ContractResponder.ahead + offset + piece.length)
            }
            incomingSlab.finish()
        }
        return Supply(relaying: incomingSlab, from: ContractResponder.ahead, run.pieces.map { _ in .sent })
    }

    private func fill(_ memory: UnsafeMutableRawBufferPointer, as piece: Piece) {
        memory.copyBytes(from: contractBytes(of: piece))
    }
}

private let noise: [UInt8] = (0..<65_521).map { UInt8(truncatingIfNeeded: ($0 &* 0x9e37_79b9) >> 13) }

/// The bytes of a piece: a repeated noise block from a piece-specific offset on.
func contractBytes(of piece: Piece) -> [UInt8] {
    guard case .offered(let offer, let file) = piece.origin else { return [] }
    var bytes: [UInt8] = []
    bytes.reserveCapacity(piece.length + noise.count)
    let start = Int(offer) * 7 + file * 31 + piece.chunk * 1009
    bytes += noise[(start % noise.count)...]
    while bytes.count < piece.length { bytes += noise }
    return Array(bytes[..<piece.length])
}
