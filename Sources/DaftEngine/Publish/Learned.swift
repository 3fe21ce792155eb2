// The chunk ids of files that a whole chain takes in at the same time. One rank reads a file and finds them; each of
// the others learns them from the one before it, and tells them to the next.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class Learned: Sendable {
    private struct File {
        var ids: [Int: ChunkID] = [:]
        var failure: Failure?
        /// Nothing more is learned of it here.
        var isOver = false
    }

    private struct State {
        var files: [Offer: [Int: File]] = [:]
        /// How many orders here are taking them in.
        var orders: [Offer: Int] = [:]
        /// Those of which none does any more, in the order in which they ended.
        var over: [Offer] = []
    }

    /// More than a few stagings have under way: the next in the chain may be some behind.
    private static let remembered = 32
    private static let patienceMilliseconds = 1_000

    private let loop: any Loop
    private let changed: Condition
    private let state = Mutex(State())

    init(on loop: any Loop) {
        self.loop = loop
        changed = Condition(on: loop)
    }

    /// As long as an offer is taken in here, what is known of it stays, however many others come and go.
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
            if state.over.count > Learned.remembered { state.files[state.over.removeFirst()] = nil }
        }
    }

    func note(_ ids: [ChunkID], of span: Span, in offer: Offer) {
        change(span.file, in: offer) { file in for (chunk, id) in zip(span.chunks, ids) { file.ids[chunk] = id } }
    }

    /// The file cannot be read, or is no longer what it was: nobody can have it.
    func fail(_ failure: Failure, _ file: Int, in offer: Offer) { change(file, in: offer) { $0.failure = failure } }

    /// This rank gives the file up; the ids that it knows of it.
    func giveUp(_ file: Int, in offer: Offer) -> [Int: ChunkID] {
        change(file, in: offer) { $0.isOver = true }
        return state.withLock { $0.files[offer]?[file]?.ids ?? [:] }
    }

    /// What is known of each span, once all of it is, or some time has passed.
    func answer(_ spans: [Span], of offer: Offer) async -> [Identified] {
        let deadline = loop.deadline(inMilliseconds: Learned.patienceMilliseconds)
        while true {
            // Workers note what they read.
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
            // Whoever asks may ask for any number of chunks.
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
