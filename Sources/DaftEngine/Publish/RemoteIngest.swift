// How an ingest gets chunk ids and bytes of files that other ranks read.

import DaftLink
import DaftModel
import DaftWire

extension Station {
    /// The ids of spans, from the offering rank.
    func identify(_ spans: [Span], in offer: Offer) async throws(Failure) -> [Identified] {
        let reply = try await ask(
            .identify(offer, spans), at: offer.rank, timeoutMilliseconds: settings.loadMilliseconds)
        guard case .identified(let answers) = reply, answers.count == spans.count else {
            throw unexpected(reply, from: offer.rank)
        }
        return answers
    }
}

extension Station {
    /// How long to wait before reading these spans. A lost answer is requested once more.
    fileprivate func reserveRate(for spans: [Span], in offer: Offer) async throws(Failure) -> Nanoseconds {
        let question = Request.pace(offer: offer.number, spans)
        let reply: Reply
        do throws(Failure) {
            reply = try await ask(question, at: offer.rank)
        } catch {
            guard error.kind == .unreachable, link.ranks.contains(offer.rank) else { throw error }
            reply = try await ask(question, at: offer.rank)
        }
        guard case .wait(let nanoseconds) = reply else { throw unexpected(reply, from: offer.rank) }
        return nanoseconds
    }
}

extension IngestJob {
    func identifyAtOffer(_ spans: [Span]) async throws(Failure) -> [Identified] {
        try await station.identify(spans, in: order.offer)
    }

    /// Waits for the rate limit before reading. The offering rank grants turns, so that the limit covers all readers
    /// together; waiting holds no memory.
    func pace(_ spans: [Span]) async throws(Failure) {
        guard order.limit != nil else { return }
        try await station.hold(forNanoseconds: try await station.reserveRate(for: spans, in: order.offer))
    }

    /// The ids of spans from upstream, else from the offering rank.
    func identify(_ spans: [Span], from upstream: Upstream) async throws(Failure) -> [Identified] {
        if let answers = try await upstream.identify(spans, of: order.offer) { return answers }
        try await pace(spans)
        return try await identifyAtOffer(spans)
    }

    /// Announces ids to the next rank of the chain.
    func announce(_ ids: [ChunkID], of span: Span) {
        if order.chain != nil { station.chainChunkIDs.note(ids, of: span, in: order.offer) }
    }

    /// Tells the next rank of the chain that it cannot get the file: it is gone, refused, or its only reader cannot
    /// read it.
    func announce(_ failure: Failure, of file: Int) {
        guard let chain = order.chain else { return }
        guard chain.readers.count <= 1 || [.changed, .missing, .taken].contains(failure.kind) else { return }
        station.chainChunkIDs.fail(failure, file, in: order.offer)
    }

    func loadFromOffer(
        _ pieces: [Piece], _ ids: [ChunkID]
    ) async throws(Failure) -> (slab: Slab, arrivals: [Arrival]) {
        do throws(LinkError) {
            return try await station.load(
                pieces, ids, from: order.offer.rank, isRelayed: false, progressCounter: progressCounter,
                doubts: CorruptionReports())
        } catch {
            throw Failure(.unreachable, [], node: station.roster.node(of: order.offer.rank), error.reason)
        }
    }

    /// The piece under which a chain relays a chunk.
    static func piece(_ id: ChunkID, _ length: Int) -> Piece { Piece(.identified(id), chunk: 0, length: length) }
}
