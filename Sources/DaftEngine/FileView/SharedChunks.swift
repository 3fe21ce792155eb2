// Verified chunks of one content, cached in memory and shared by its readers: a chunk that two readers want at once is
// loaded once. Chunks occupy slabs of the intake pool and are evicted when another task waits for a slab.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class SharedChunks: Sendable {
    private struct State {
        var loading: [Int: Task<Result<Slab, Failure>, Never>] = [:]
        var here: [Int: Slab] = [:]
        /// By reader, the chunks that it reads and is about to read: no others are cached.
        var windows: [ObjectIdentifier: Range<Int>] = [:]
        var selector: SourceSelector?
        var selected: Nanoseconds = 0

        func isWanted(_ index: Int) -> Bool { windows.values.contains { $0.contains(index) } }
    }

    /// After this time the selector is replaced, and with it what it learned of holders and silent ranks.
    private static let selectorMilliseconds = 30_000

    let wanted: Wanted
    let progressCounter = ProgressCounter()
    private let station: Station
    private let state = Mutex(State())

    init(_ wanted: Wanted, at station: Station) {
        self.wanted = wanted
        self.station = station
    }

    deinit { station.readContents.forget(wanted.content) }

    /// The largest read-ahead window, in chunks: half of the intake pool, since others share it.
    var mostAhead: Int { max(1, station.intake.totalBytes / 2 / max(wanted.manifest.chunkSize.bytes, 1 << 20)) }

    /// Ranks with requests outstanding.
    var asked: [Rank] {
        get async { await state.withLock { $0.selector }?.asked ?? [] }
    }

    /// A chunk, at the start of a slab.
    func chunk(_ index: Int) async throws(Failure) -> Slab {
        switch find(index) {
        case .here(let slab): return slab
        case .loading(let task): return try await station.loop.finished(task).get()
        }
    }

    func leave(_ reader: ObjectIdentifier) { _ = move(reader, to: nil) }

    /// Starts loading what comes into a reader's window, and evicts what is in no window any more.
    func prefetch(_ window: Range<Int>, for reader: ObjectIdentifier) {
        for new in move(reader, to: window) { for index in new where !isZero(index) { _ = find(index) } }
    }

    /// Returns what is new in the window.
    private func move(_ reader: ObjectIdentifier, to window: Range<Int>?) -> [Range<Int>] {
        state.withLock { state in
            let old = state.windows[reader]
            state.windows[reader] = window
            for gone in difference(old, window) {
                for index in gone where !state.isWanted(index) { state.here[index] = nil }
            }
            return difference(window, old)
        }
    }

    func isZero(_ index: Int) -> Bool {
        wanted.manifest.chunks[index] == zeroChunkID(length: wanted.manifest.length(of: index))
    }

    /// Evicts everything, since a task waits for memory. A slab being copied from is freed after the copy.
    func shrink() { state.withLock { $0.here = [:] } }

    private enum Found {
        case here(Slab)
        case loading(Task<Result<Slab, Failure>, Never>)
    }

    /// A cached chunk, or the load of it, which begins unless it is under way. One look at both under the lock: a load
    /// that ends between two looks would be repeated.
    private func find(_ index: Int) -> Found {
        state.withLock { state in
            if let slab = state.here[index] { return .here(slab) }
            if let task = state.loading[index] { return .loading(task) }
            let task = station.loop.start { [self] in
                let result = await Result.of { () async throws(Failure) in
                    try await selector().obtain(wanted, chunk: index)
                }
                note(result, of: index)
                return result
            }
            state.loading[index] = task
            return .loading(task)
        }
    }

    private func note(_ result: Result<Slab, Failure>, of index: Int) {
        state.withLock { state in
            state.loading[index] = nil
            switch result {
            case .success(let slab):
                // Do not cache while memory is short; the waiting readers get the chunk from the task.
                if !station.intake.isShort, state.isWanted(index) { state.here[index] = slab }
            case .failure: state.selector = nil
            }
        }
    }

    private func selector() -> SourceSelector {
        state.withLock { state in
            let now = station.loop.now
            if let known = state.selector, now < state.selected + UInt64(SharedChunks.selectorMilliseconds) * 1_000_000
            {
                return known
            }
            let made = SourceSelector(station, progressCounter: progressCounter, isForOwnStore: false)
            (state.selector, state.selected) = (made, now)
            return made
        }
    }
}

/// The parts of one range that are not in another.
private func difference(_ range: Range<Int>?, _ other: Range<Int>?) -> [Range<Int>] {
    guard let range else { return [] }
    guard let other, range.overlaps(other) else { return [range] }
    return [
        range.lowerBound..<max(range.lowerBound, other.lowerBound),
        min(range.upperBound, other.upperBound)..<range.upperBound,
    ]
}

/// The contents that have open readers at this station.
final class ReadContents: Sendable {
    private struct Open {
        weak var chunks: SharedChunks?
    }

    private let open = Mutex<[ContentID: Open]>([:])

    func chunks(of wanted: Wanted, at station: Station) -> SharedChunks {
        open.withLock { open in
            if let known = open[wanted.content]?.chunks { return known }
            let made = SharedChunks(wanted, at: station)
            open[wanted.content] = Open(chunks: made)
            return made
        }
    }

    func forget(_ content: ContentID) {
        open.withLock { if $0[content]?.chunks == nil { $0[content] = nil } }
    }

    /// Evicts cached chunks that no reader is copying.
    func shrink() {
        for chunks in open.withLock({ $0.values.compactMap(\.chunks) }) { chunks.shrink() }
    }
}
