// An RPC with a dishonest peer: replies to others' requests, states of pieces not requested, pieces out of range. The
// load fails, or waits for the right bytes.
import DaftModel
import DaftWire
import Synchronization
import Testing

@testable import DaftLink

/// A carrier that delivers nothing by itself.
private final class Nowhere: Carrier, @unchecked Sendable {
    let posted = Mutex<[Envelope]>([])

    func post(_ envelope: Envelope, to rank: Rank) { posted.withLock { $0.append(envelope) } }
    func longestPiece(to rank: Rank) -> Int { 1 << 16 }
    func send(_ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to rank: Rank) {}
    func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank) {}
    var canAbandon: Bool { true }
}

@Suite struct RPCTests {
    private static let length = 4_096
    private let loop = ThreadLoop(name: "hostile")
    private let carrier = Nowhere()
    private let other = Rank(1)

    private func rpc() -> RPC {
        let rpc = RPC(of: Rank(0), on: loop)
        rpc.carry(by: carrier)
        return rpc
    }

    /// Loads a 4 KiB piece from rank 1; `say` sends the peer's messages for that request number.
    private func load(
        _ say: @escaping @Sendable (RPC, UInt64) -> Void
    ) async -> Result<[PieceState], LinkError> {
        let rpc = rpc()
        let run = ChunkRun([Piece(.offered(offer: 1, file: 0), chunk: 0, length: Self.length)], compression: 1)
        let slab = await SlabPool(totalBytes: 1 << 16, slabBytes: 1 << 16).take()
        let (loop, carrier, other) = (loop, carrier, other)
        let hostile = Task {
            while carrier.posted.withLock({ $0.isEmpty }) { try? await Task.sleep(for: .milliseconds(1)) }
            let number = carrier.posted.withLock { $0[0].number }
            await loop.start { say(rpc, number) }.value
        }
        defer {
            hostile.cancel()
            withExtendedLifetime(carrier) { loop.stop() }
        }
        do throws(LinkError) {
            return .success(
                try await rpc.load(
                    run, from: other, into: slab, incomingSlab: nil, timeoutMilliseconds: 300, if: { true }))
        } catch {
            return .failure(error)
        }
    }

    @Test(arguments: [
        PieceStates([]), PieceStates([.sent, .sent]), PieceStates([PieceState](repeating: .missing, count: 10_000)),
    ])
    func statesOfOtherPiecesThanWereAskedForAreMalformed(_ states: PieceStates) async {
        let result = await load { $0.take(Envelope(.loaded, $1, states.encoded), from: Rank(1)) }
        #expect(result == .failure(.malformed(other, Malformed("states of a run", at: 0))))
    }

    @Test(arguments: [[], [255, 255, 255, 255], [1, 0, 0, 0, 9], [1, 0, 0, 0, 4, 255, 255, 255]] as [[UInt8]])
    func statesThatAreNoneAreMalformed(_ bytes: [UInt8]) async {
        let result = await load { $0.take(Envelope(.loaded, $1, bytes), from: Rank(1)) }
        #expect(result == .failure(.malformed(other, Malformed("states of a run", at: 0))))
    }

    /// −1, 2³¹, and one more than the piece: never more than the piece is awaited or received.
    @Test(arguments: [UInt32.max, 1 << 31, 4_097])
    func aPackedPieceThatClaimsMoreThanItsLengthGetsNoMore(count: UInt32) async {
        let states = PieceStates([.packed(Int(count), relayed: false)])
        let result = await load { rpc, number in
            rpc.take(Envelope(.loaded, number, states.encoded), from: Rank(1))
            for piece in [0..<Self.length + 1, Self.length..<Self.length + 1, -1..<1, 0..<Int.max] {
                #expect(rpc.destination(of: piece, as: number, from: Rank(1)) == nil, "\(piece)")
            }
            #expect(rpc.destination(of: 0..<Self.length, as: number, from: Rank(1))?.count == Self.length)
            rpc.arrived(0..<Self.length, as: number)
        }
        #expect(result == .success(states.states))
    }

    @Test func piecesTwiceEmptyOrOverlappingDoNotEndALoadThatIsNotWhole() async {
        let result = await load { rpc, number in
            rpc.take(Envelope(.loaded, number, PieceStates([.sent]).encoded), from: Rank(1))
            for piece in [0..<0, 0..<1, 0..<1, 5..<9, 4..<6, 4_096..<4_096, 1..<1] {
                rpc.arrived(piece, as: number)
            }
        }
        #expect(result == .failure(.timedOut(other, milliseconds: 300)))
    }

    @Test func whatOthersSayOfALoadIsNotHeard() async {
        let result = await load { rpc, number in
            rpc.take(Envelope(.loaded, number, PieceStates([.missing]).encoded), from: Rank(2))
            rpc.take(Envelope(.answer, number, Reply.done.encoded), from: Rank(2))
            rpc.take(Envelope(.loaded, number &+ 1, PieceStates([.missing]).encoded), from: Rank(1))
            if rpc.destination(of: 0..<1, as: number, from: Rank(2)) != nil { Issue.record("a place for another") }
        }
        #expect(result == .failure(.timedOut(other, milliseconds: 300)))
    }
}
