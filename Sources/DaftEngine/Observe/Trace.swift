// What a rank notes of its slabs for `--trace`, in memory of a fixed size: what comes when it is full is only counted.
// Where nobody asked for a trace there is none, and every place that would note something looks at a nil.

import DaftModel
import DaftWire
import Glibc
import Synchronization

public final class Trace: Sendable {
    private struct State {
        var events: [TraceEvent] = []
        var dropped: UInt64 = 0
    }

    /// With chunks of 4 MiB those of about 64 GiB that pass through, in some 8 MB.
    public static let room = 1 << 16

    private let room: Int
    private let state = Mutex(State())

    public init(room: Int = Trace.room) { self.room = room }

    /// The clock on the wall: it is the same on every node, as far as they keep the time.
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

    /// Some of what was noted, from the event of that number on.
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
    /// Does what is done with a slab, and notes when, if it went well.
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

    /// The same of contents that lie in one slab and are written together.
    func written<T, E>(_ manifests: @autoclosure () -> [Manifest], _ body: () throws(E) -> T) throws(E) -> T {
        guard self != nil else { return try body() }
        let whole = manifests().filter { !$0.chunks.isEmpty }
        guard let first = whole.first?.chunks.first else { return try body() }
        let bytes = whole.reduce(0) { $0 + Int($1.size) }
        return try timed(.written, TraceEvent.Subject(chunk: first), chunks: whole.count, bytes: bytes, body)
    }
}
