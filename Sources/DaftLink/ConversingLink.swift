// A link that is the carrier of a conversation: its questions, answers and loads are the conversation's, and only how
// things travel, and how it finds out who is there, are its own.

import DaftCore

public protocol ConversingLink: Link, Carrier {
    var conversation: Conversation { get }
    var company: Company { get }
}

extension ConversingLink {
    public var ranks: [Rank] { company.ranks }

    public func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) {
        loop.start { [company] in company.observe(body) }
    }

    public func close() {
        conversation.close()
        loop.start { [company] in company.close() }
    }

    public func serve(_ responder: any Responder) { conversation.serve(responder) }

    public func call(_ request: Request, at target: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        try await conversation.call(request, at: target, timeoutMilliseconds: timeoutMilliseconds) { [self] in
            ranks.contains(target)
        }
    }

    public func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, landing: Landing?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        try await conversation.load(
            run, from: rank, into: slab, landing: landing, timeoutMilliseconds: timeoutMilliseconds
        ) { [self] in ranks.contains(rank) }
    }
}
