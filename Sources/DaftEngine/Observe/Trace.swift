// A rank's trace events for `--trace`, in bounded memory; events beyond that are only counted. Without tracing the
// trace is nil.

import DaftModel
import DaftWire
import Glibc
import Synchronization

public final class Trace: Sendable {
    private struct State {
        var events: [TraceEvent] = []
        var dropped: UInt64 = 0
    }

    /// At 4 MiB chunks, the events of about 64 GiB, in some 8 MB.
    public static let room = 1 << 16

    private let room: Int
    private let state = Mutex(State())

    public init(room: Int = Trace.room) { self.room = room }

    /// The wall clock, comparable between nodes with synchronized clocks.
    var now: UInt64 {
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }

    func note(_ event: TraceEvent) {
        state.withLock { state in
            if state.events.count < room { state.events.append(event) } else { state.dropped += 1 }
        }
    }

    /// A page of events, from this index on.
    func page(from first: Int) -> TracePage {
        state.withLock { state in
            let kept = state.events.count
            let start = min(max(0, first), kept)
            let events = state.events[start..<min(kept, start + TracePage.mostEvents)]
            return TracePage(Array(events), kept: kept, dropped: state.dropped)
        }
    }
}

extension Trace? {
    /// Runs `body` and records its time if it succeeds.
    func timed<T, E>(
        _ kind: TraceEvent.Kind, _ subject: @autoclosure () -> TraceEvent.Subject, chunks: Int = 1, bytes: Int,
        _ body: () throws(E) -> T
    ) throws(E) -> T {
        guard let self else { return try body() }
        let begun = self.now
        let result = try body()
        self.note(TraceEvent(kind, subject(), chunks: chunks, bytes: bytes, from: begun, to: self.now))
        return result
    }

    /// Likewise for contents in one slab that are written together.
    func written<T, E>(_ manifests: @autoclosure () -> [Manifest], _ body: () throws(E) -> T) throws(E) -> T {
        guard self != nil else { return try body() }
        let whole = manifests().filter { !$0.chunks.isEmpty }
        guard let first = whole.first?.chunks.first else { return try body() }
        let bytes = whole.reduce(0) { $0 + Int($1.size) }
        return try timed(.written, TraceEvent.Subject(chunk: first), chunks: whole.count, bytes: bytes, body)
    }
}
