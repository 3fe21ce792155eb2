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
        var here: [Int: (slab: Slab, used: UInt64)] = [:]
        var uses: UInt64 = 0
        var selector: SourceSelector?
        var selected: Nanoseconds = 0
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
        if let slab = take(index) { return slab }
        return try await station.loop.finished(begin(index)).get()
    }

    /// Starts loading those of the chunks that are neither cached nor loading.
    func prefetch(_ chunks: Range<Int>) {
        for index in chunks where !isZero(index) {
            let isKnown = state.withLock { $0.loading[index] != nil || $0.here[index] != nil }
            if !isKnown { _ = begin(index) }
        }
    }

    func isZero(_ index: Int) -> Bool {
        wanted.manifest.chunks[index] == zeroChunkID(length: wanted.manifest.length(of: index))
    }

    /// Evicts all but the `count` most recently used chunks.
    func keep(_ count: Int) {
        state.withLock { state in
            while state.here.count > count, let oldest = state.here.min(by: { $0.value.used < $1.value.used })?.key {
                state.here[oldest] = nil
            }
        }
    }

    /// Evicts everything, since a task waits for memory. A slab being copied from is freed after the copy.
    func shrink() { keep(0) }

    private func take(_ index: Int) -> Slab? {
        state.withLock { state in
            state.uses += 1
            state.here[index]?.used = state.uses
            return state.here[index]?.slab
        }
    }

    private func begin(_ index: Int) -> Task<Result<Slab, Failure>, Never> {
        state.withLock { state in
            if let task = state.loading[index] { return task }
            let task = station.loop.start { [self] in
                let result = await Result.of { () async throws(Failure) in
                    try await selector().obtain(wanted, chunk: index)
                }
                note(result, of: index)
                return result
            }
            state.loading[index] = task
            return task
        }
    }

    private func note(_ result: Result<Slab, Failure>, of index: Int) {
        state.withLock { state in
            state.loading[index] = nil
            switch result {
            case .success(let slab):
                // Do not cache while memory is short; the waiting readers get the chunk from the task.
                if station.intake.isShort { return }
                state.uses += 1
                state.here[index] = (slab, state.uses)
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
