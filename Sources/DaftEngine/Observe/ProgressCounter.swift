// Thread-safe progress counters: workers and the loop add, observers read at any time.

import DaftModel
import DaftWire
import Synchronization

final class ProgressCounter: Sendable {
    private struct State {
        var own = Progress()
        var parts: [Int: @Sendable () -> Progress] = [:]
        var made = 0
    }

    private let state = Mutex(State())
    private let crossed = Atomic<Int64>(0)

    var now: Progress {
        let (own, parts) = state.withLock { ($0.own, Array($0.parts.values)) }
        return parts.reduce(own) { $0 + $1() }
    }

    /// Bytes that crossed the link.
    var moved: Int64 { crossed.load(ordering: .relaxed) }

    func add(moved bytes: Int) { crossed.add(Int64(bytes), ordering: .relaxed) }

    func expect(bytes: Int64, files: Int64) {
        state.withLock { state in
            state.own.totalBytes += bytes
            state.own.totalFiles += files
        }
    }

    func add(bytes: Int64 = 0, files: Int64 = 0) {
        state.withLock { state in
            state.own.bytes += bytes
            state.own.files += files
        }
    }

    /// Adds a part with its own counter; returns its number.
    func begin(_ part: @escaping @Sendable () -> Progress) -> Int {
        state.withLock { state in
            state.made += 1
            state.parts[state.made] = part
            return state.made
        }
    }

    /// Removes a part and keeps its final count.
    func end(_ number: Int) {
        guard let part = state.withLock({ $0.parts[number] }) else { return }
        let last = part()
        state.withLock { state in
            state.parts[number] = nil
            state.own = state.own + last
        }
    }
}
