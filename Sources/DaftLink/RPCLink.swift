// A link built on the RPC, which handles requests, replies and loads; the link adds transport and membership.

import DaftModel
import DaftWire

public protocol RPCLink: Link, Carrier {
    var rpc: RPC { get }
}

/// A link whose membership follows from messages.
public protocol MembershipLink: RPCLink {
    var membership: Membership { get }
}

extension MembershipLink {
    public var ranks: [Rank] { membership.ranks }

    public func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) {
        loop.start { [membership] in membership.observe(body) }
    }

    public func close() {
        rpc.close()
        loop.start { [membership] in membership.close() }
    }
}

extension RPCLink {
    public func serve(_ responder: any Responder) { rpc.serve(responder) }

    public func call(_ request: Request, at target: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        try await rpc.call(request, at: target, timeoutMilliseconds: timeoutMilliseconds) { [self] in
            ranks.contains(target)
        }
    }

    public func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        try await rpc.load(
            run, from: rank, into: slab, incomingSlab: incomingSlab, timeoutMilliseconds: timeoutMilliseconds
        ) { [self] in ranks.contains(rank) }
    }
}
