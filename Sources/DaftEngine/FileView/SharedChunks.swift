// The verified chunks of a content that its readers have in memory, or are getting. Readers of a content share them: a
// chunk that two read at once is loaded once. They lie in slabs of the intake, and go as soon as somebody else has to
// wait for one.

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

    /// What a selector has learned of silent ranks and of keepers is forgotten after that time.
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

    /// How many chunks may be had in advance: half of the intake at most, for others wait for the rest.
    var mostAhead: Int { max(1, station.intake.totalBytes / 2 / max(wanted.manifest.chunkSize.bytes, 1 << 20)) }

    /// Who owes bytes now.
    var asked: [Rank] {
        get async { await state.withLock { $0.selector }?.asked ?? [] }
    }

    /// A chunk, at the beginning of a slab.
    func chunk(_ index: Int) async throws(Failure) -> Slab {
        if let slab = take(index) { return slab }
        return try await station.loop.finished(begin(index)).get()
    }

    /// Has those of the chunks loaded that are neither here nor on their way.
    func prefetch(_ chunks: Range<Int>) {
        for index in chunks where !isZero(index) {
            let isKnown = state.withLock { $0.loading[index] != nil || $0.here[index] != nil }
            if !isKnown { _ = begin(index) }
        }
    }

    func isZero(_ index: Int) -> Bool {
        wanted.manifest.chunks[index] == zeroChunkID(length: wanted.manifest.length(of: index))
    }

    /// Keeps the `count` chunks that were used last.
    func keep(_ count: Int) {
        state.withLock { state in
            while state.here.count > count, let oldest = state.here.min(by: { $0.value.used < $1.value.used })?.key {
                state.here[oldest] = nil
            }
        }
    }

    /// Somebody waits for memory. What is being copied out of goes when that is done.
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
                // Those who asked get it from the task.
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

/// The contents that somebody at this station reads.
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

    /// Gives back the memory that nobody reads from just now.
    func shrink() {
        for chunks in open.withLock({ $0.values.compactMap(\.chunks) }) { chunks.shrink() }
    }
}
