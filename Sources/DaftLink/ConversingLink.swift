// A link that is the carrier of a conversation: its questions, answers and loads are the conversation's, and only who
// is there, and how things travel, are its own.

import DaftCore

public protocol ConversingLink: Link, Carrier {
    var conversation: Conversation { get }
}

extension ConversingLink {
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
