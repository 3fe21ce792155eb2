// The interface between the engine and the network. Implementations: memory (tests, one process), MPI (clusters),
// ZeroMQ (workstations). `LinkContract` checks what these comments promise.

import DaftModel
import DaftWire

public protocol Link: Sendable {
    /// This rank.
    var rank: Rank { get }

    /// The ranks believed alive, including this one, in order.
    var ranks: [Rank] { get }

    /// Registers an observer, called on the loop when a rank is gone, comes, or returns; a returning rank may be a new
    /// process without memory of earlier messages.
    func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void)

    /// The executor of this rank's protocol.
    var loop: any Loop { get }

    /// Sets the responder. Earlier requests wait for it. A rank may send requests to itself.
    func serve(_ responder: any Responder)

    /// Sends a small request. Ends by the deadline: a rank known to be dead fails at once with `unreachable`, a missing
    /// reply with `timedOut`. In both cases the request may have been executed. Requests between two ranks arrive in
    /// order.
    func call(_ request: Request, at rank: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply

    /// Pulls the run's pieces into `slab`, each at its own offset regardless of the others; the states say which
    /// arrived. The timeout restarts with every byte from that rank. The link owns the slab until this returns, and
    /// after an error for good, since bytes may still arrive: the caller must release it and take another.
    /// `incomingSlab`, over the same slab, is updated as bytes arrive, and is over before this returns.
    func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState]

    /// Closes the link: pending operations fail with `closed`.
    func close()
}

public enum Presence: Hashable, Sendable {
    case here
    /// Silent for too long, or certainly dead. Pending requests to it have failed.
    case gone
}

extension Link {
    public func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        try await load(run, from: rank, into: slab, incomingSlab: nil, timeoutMilliseconds: timeoutMilliseconds)
    }
}

/// Answers other ranks' requests.
public protocol Responder: Sendable {
    func answer(_ request: Request, from rank: Rank) async -> Reply

    /// Provides a slab with the run's pieces. Only pieces in transit have meaningful bytes.
    func supply(_ run: ChunkRun, to rank: Rank) async -> Supply
}

public struct Supply: Sendable {
    /// Nil if no piece can be sent.
    public var slab: Slab? { outgoingSlab?.slab }
    public private(set) var outgoingSlab: OutgoingSlab?
    public let states: [PieceState]
    /// Offset of the run in the slab.
    public let offset: Int
    /// Set if the bytes are still arriving: each part is sent once it is there.
    public let incomingSlab: IncomingSlab?

    public init(slab: Slab?, states: [PieceState]) {
        outgoingSlab = slab.map { OutgoingSlab($0) }
        self.states = states
        offset = 0
        incomingSlab = nil
    }

    /// Relays a slab that this rank is receiving, from `offset` on.
    public init(relaying incomingSlab: IncomingSlab, from offset: Int, _ states: [PieceState]) {
        outgoingSlab = OutgoingSlab(incomingSlab.slab)
        self.states = states.map(\.passedOn)
        self.offset = offset
        self.incomingSlab = incomingSlab
    }

    /// Calls `body`, on any thread, after the last byte has left.
    public mutating func onEnd(_ body: @escaping @Sendable () -> Void) {
        outgoingSlab = outgoingSlab.map { OutgoingSlab($0.slab, onEnd: body) }
    }
}

public enum LinkError: Error, Hashable, Sendable {
    case unreachable(Rank)
    case timedOut(Rank, milliseconds: Int)
    /// The other side sent an invalid message.
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
