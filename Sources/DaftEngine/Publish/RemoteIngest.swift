// How an ingest learns the chunk ids of files that it does not read itself, and gets their bytes from who offers them.

import DaftLink
import DaftModel
import DaftWire

extension Station {
    /// The ids of spans, from the rank that offers the files.
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
    /// How long to wait before these spans may be read. Asked once more where the answer got lost.
    fileprivate func turn(to spans: [Span], in offer: Offer) async throws(Failure) -> Nanoseconds {
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

    /// Whoever reads for a command that has a limit waits for its turn first, which the rank that offers the files
    /// tells: so all who read together are no faster, and wait with nothing in their hands.
    func pace(_ spans: [Span]) async throws(Failure) {
        guard order.limit != nil else { return }
        try await station.hold(forNanoseconds: try await station.turn(to: spans, in: order.offer))
    }

    /// The ids of spans, from upstream; where nobody there knows them, from the rank that offers the files.
    func identify(_ spans: [Span], from upstream: Upstream) async throws(Failure) -> [Identified] {
        if let answers = try await upstream.identify(spans, of: order.offer) { return answers }
        try await pace(spans)
        return try await identifyAtOffer(spans)
    }

    /// In a chain, the next rank learns them from here.
    func tell(_ ids: [ChunkID], of span: Span) {
        if order.chain != nil { station.learned.note(ids, of: span, in: order.offer) }
    }

    /// In a chain, what nobody can have, the next rank need not wait for: what is not there any more, what is refused,
    /// and, where one rank alone reads, what that one cannot read.
    func tell(_ failure: Failure, of file: Int) {
        guard let chain = order.chain else { return }
        guard chain.readers.count <= 1 || [.changed, .missing, .taken].contains(failure.kind) else { return }
        station.learned.fail(failure, file, in: order.offer)
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

    /// A chunk as a chain knows it.
    static func piece(_ id: ChunkID, _ length: Int) -> Piece { Piece(.identified(id), chunk: 0, length: length) }
}
