// The seam between the engine and the bytes in motion. The engine sees `any Link`: memory in tests and in one process,
// MPI on a cluster, ZeroMQ between workstations. `LinkContract` says the same as these comments, as checks.

import DaftModel
import DaftWire

public protocol Link: Sendable {
    /// This rank.
    var rank: Rank { get }

    /// The ranks that are alive as far as known, this one among them, in order.
    var ranks: [Rank] { get }

    /// From now on `body` is called on the loop when a rank goes, and when one comes or comes back: perhaps as another
    /// process, which remembers nothing of what was said before.
    func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void)

    /// Where this rank's protocol runs.
    var loop: any Loop { get }

    /// From now on `responder` answers what other ranks ask. Until then questions wait. A rank may ask itself.
    func serve(_ responder: any Responder)

    /// A small question, a small answer. It ends by the deadline, whatever the other side does: what is asked of a rank
    /// that is known to be dead fails at once with `unreachable`, and no answer in time is `timedOut`. Either way the
    /// question may have been carried out. Between two ranks, questions arrive in the order in which they were asked.
    func call(_ request: Request, at rank: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply

    /// Bytes, pulled: the run's pieces land in `slab` one behind the other, each at its own place whatever became of
    /// the others, and the states say which are there. It ends so long after the last bytes that came from that rank.
    /// The slab is the link's until this returns; after an error it stays so, for its bytes may still come: the caller
    /// lets go of it and takes another.
    /// `incomingSlab`, over the same slab, is told what comes as it comes, and that it is over before this returns.
    func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState]

    /// Ends this rank's part: what is under way fails with `closed`.
    func close()
}

public enum Presence: Hashable, Sendable {
    case here
    /// Nothing has been heard of it for long, or its end is certain. What it was asked has failed.
    case gone
}

extension Link {
    public func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        try await load(run, from: rank, into: slab, incomingSlab: nil, timeoutMilliseconds: timeoutMilliseconds)
    }
}

/// What a rank does for others.
public protocol Responder: Sendable {
    func answer(_ request: Request, from rank: Rank) async -> Reply

    /// Finds a slab with the run's pieces. Only the bytes of those that are on their way mean anything.
    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply
}

public struct Supply: Sendable {
    /// None where no piece could be sent.
    public var slab: Slab? { outgoingSlab?.slab }
    public private(set) var outgoingSlab: OutgoingSlab?
    public let states: [PieceState]
    /// Where in the slab the run begins.
    public let offset: Int
    /// The bytes are still coming in: each part goes out once it is there.
    public let incomingSlab: IncomingSlab?

    public init(slab: Slab?, states: [PieceState]) {
        outgoingSlab = slab.map { OutgoingSlab($0) }
        self.states = states
        offset = 0
        incomingSlab = nil
    }

    /// Passes on what lands elsewhere in this rank, from `offset` on.
    public init(relaying incomingSlab: IncomingSlab, from offset: Int, _ states: [PieceState]) {
        outgoingSlab = OutgoingSlab(incomingSlab.slab)
        self.states = states.map(\.passedOn)
        self.offset = offset
        self.incomingSlab = incomingSlab
    }

    /// Calls `body`, from wherever, when the last of the bytes has left.
    public mutating func onEnd(_ body: @escaping @Sendable () -> Void) {
        outgoingSlab = outgoingSlab.map { OutgoingSlab($0.slab, onEnd: body) }
    }
}

public enum LinkError: Error, Hashable, Sendable {
    case unreachable(Rank)
    case timedOut(Rank, milliseconds: Int)
    /// The other side sent what is no message.
    case malformed(Rank, Malformed)
    case closed

    public var reason: String {
        switch self {
        case .unreachable(let rank): "\(rank) cannot be reached"
        case .timedOut(let rank, let milliseconds): "\(rank) did not answer within \(milliseconds) ms"
        case .malformed(let rank, let error): "\(rank) sent what is no message (\(error.what) at \(error.offset))"
        case .closed: "the system is ending"
        }
    }
}
