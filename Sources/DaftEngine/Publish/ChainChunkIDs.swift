// Chunk ids of files that a whole chain ingests at once. One rank reads and hashes a file; each of the others learns
// the ids from the rank before it.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class ChainChunkIDs: Sendable {
    private struct File {
        var ids: [Int: ChunkID] = [:]
        var failure: Failure?
        /// This rank learns no further ids of it.
        var isOver = false
    }

    private struct State {
        var files: [Offer: [Int: File]] = [:]
        /// Orders of this rank that ingest the offer.
        var orders: [Offer: Int] = [:]
        /// Offers without an order here any more, in the order in which they ended.
        var over: [Offer] = []
    }

    /// Ended offers kept for ranks behind in the chain; well above the number of concurrent stagings.
    private static let remembered = 32
    private static let patienceMilliseconds = 1_000

    private let loop: any Loop
    private let changed: Condition
    private let state = Mutex(State())

    init(on loop: any Loop) {
        self.loop = loop
        changed = Condition(on: loop)
    }

    /// Ids of an offer are kept while an order here ingests it.
    func enter(_ offer: Offer) {
        state.withLock { state in
            state.orders[offer, default: 0] += 1
            state.over.removeAll { $0 == offer }
        }
    }

    func leave(_ offer: Offer) {
        state.withLock { state in
            let others = state.orders[offer, default: 1] - 1
            state.orders[offer] = others > 0 ? others : nil
            if others > 0 { return }
            state.over.append(offer)
            if state.over.count > ChainChunkIDs.remembered { state.files[state.over.removeFirst()] = nil }
        }
    }

    func note(_ ids: [ChunkID], of span: Span, in offer: Offer) {
        change(span.file, in: offer) { file in for (chunk, id) in zip(span.chunks, ids) { file.ids[chunk] = id } }
    }

    /// Marks a file as failed for every rank: unreadable or changed.
    func fail(_ failure: Failure, _ file: Int, in offer: Offer) { change(file, in: offer) { $0.failure = failure } }

    /// This rank stops ingesting the file; returns the ids known so far.
    func giveUp(_ file: Int, in offer: Offer) -> [Int: ChunkID] {
        change(file, in: offer) { $0.isOver = true }
        return state.withLock { $0.files[offer]?[file]?.ids ?? [:] }
    }

    /// The ids of each span: as soon as all are known or failed, else what is known after a timeout.
    func answer(_ spans: [Span], of offer: Offer) async -> [Identified] {
        let deadline = loop.deadline(inMilliseconds: ChainChunkIDs.patienceMilliseconds)
        while true {
            // Read the edition first: workers add ids concurrently.
            let edition = changed.edition
            let (answers, isFinal) = look(spans, offer)
            if isFinal { return answers }
            guard await changed.wait(until: deadline, after: edition) else { return look(spans, offer).answers }
        }
    }

    private func look(_ spans: [Span], _ offer: Offer) -> (answers: [Identified], isFinal: Bool) {
        let files = state.withLock { $0.files[offer] } ?? [:]
        var isFinal = true
        let answers = spans.map { span -> Identified in
            let file = files[span.file]
            if let failure = file?.failure { return .failed(failure) }
            // The count is chosen by the requesting rank; bound it before iterating.
            if let file, span.count <= file.ids.count {
                let ids = span.chunks.compactMap { file.ids[$0] }
                if ids.count == span.count { return .ids(ids) }
            }
            if file?.isOver != true { isFinal = false }
            return .unknown
        }
        return (answers, isFinal)
    }

    private func change(_ number: Int, in offer: Offer, _ body: (inout File) -> Void) {
        state.withLock { body(&$0.files[offer, default: [:]][number, default: File()]) }
        changed.notify()
    }
}
