// Hashes arriving chunks, in pairs when several are queued, since two take hardly longer than one. A single chunk never
// waits for a second.

import DaftLink
import DaftModel
import DaftStore
import Synchronization

final class HashQueue: Sendable {
    /// Receives the start and end of hashing, in the trace's clock.
    typealias Noting = @Sendable (_ begun: UInt64, _ end: UInt64) -> Void

    private struct Arrived: Sendable {
        let bytes: [SlabSlice]
        let noting: Noting?
        let continuation: UnsafeContinuation<[Digest], Never>
    }

    private struct State: Sendable {
        var waiting: [Arrived] = []
        var running = 0
    }

    private let workers: Workers
    private let width: Int
    private let trace: Trace?
    private let state = Mutex(State())

    /// Limits concurrent hashing to `width` workers: with more, nothing would queue and no pairs would form.
    init(on workers: Workers, width: Int, trace: Trace? = nil) {
        self.workers = workers
        self.trace = trace
        self.width = width
    }

    func digests(of bytes: [SlabSlice], noting: Noting? = nil) async -> [Digest] {
        await withUnsafeContinuation { continuation in
            let mustStart = state.withLock { state in
                state.waiting.append(Arrived(bytes: bytes, noting: noting, continuation: continuation))
                guard state.running < width else { return false }
                state.running += 1
                return true
            }
            if mustStart { workers.start { [self] in work() } }
        }
    }

    /// Hashes pairs until the queue is empty.
    private func work() {
        while let pair = next() {
            let begun = trace?.now
            var ids = pair.flatMap(\.bytes).withAllBytes { DaftStore.digests(of: $0) }[...]
            for arrived in pair {
                if let begun, let trace { arrived.noting?(begun, trace.now) }
                arrived.continuation.resume(returning: Array(ids.prefix(arrived.bytes.count)))
                ids.removeFirst(arrived.bytes.count)
            }
        }
    }

    private func next() -> [Arrived]? {
        state.withLock { state in
            guard !state.waiting.isEmpty else {
                state.running -= 1
                return nil
            }
            defer { state.waiting.removeFirst(min(2, state.waiting.count)) }
            return Array(state.waiting.prefix(2))
        }
    }
}
