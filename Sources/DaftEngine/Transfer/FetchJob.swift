// Fetches published names into a store and places them there.
//
//   1. Catch up with the catalogue to the order's state.
//   2. List the entries below the names, page by page, from the local replica.
//   3. Files with complete contents here only need placing; other contents are pulled.
//   4. Complete files are placed in batches; directories get their modes and mtimes at the end.
//   5. A content found corrupt before it was placed is pulled again, once.
//   6. Report results, and new holdings unless the caller reports them.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

struct FetchJob: Sendable {
    private static let reported = 1_000

    private let station: Station
    private let store: Store
    private let order: Fetch
    private let progressCounter: ProgressCounter
    private let ledger: FetchLedger
    private let throttle: Throttle?

    init(_ station: Station, _ store: Store, _ order: Fetch, _ progressCounter: ProgressCounter) {
        self.station = station
        self.store = store
        self.order = order
        self.progressCounter = progressCounter
        ledger = FetchLedger()
        throttle = order.limit.map { Throttle($0, on: station.loop) }
    }

    func run() async -> Outcome {
        var end = await pulling(along: order.chain) { (pull) async throws(Failure) in try await fetchAll(pull) }
        await placeWaiting(mayTryAgain: true)
        let again = ledger.takeReady()
        if case .success = end, !again.isEmpty {
            end = await pulling(along: nil) { (pull) async throws(Failure) in try await take(again, pull) }
        }
        await placeWaiting()
        await finishDirectories()
        do throws(Failure) {
            try end.get()
            if order.reports { await report() }
        } catch {
            // The fetch is incomplete, so the caller does not report holdings: report what did arrive.
            await report()
            return .failed(error.at(station.settings.host))
        }
        return .fetched(ledger.summary(moved: progressCounter.moved, host: station.settings.host))
    }

    /// Runs `body` with a pull and waits until everything it wants has arrived.
    private func pulling(
        along chain: Chain?, _ body: @escaping @Sendable (Pull) async throws(Failure) -> Void
    ) async -> Result<Void, Failure> {
        let pull = Pull(
            station, to: StoreDestination(store), progressCounter: progressCounter, chain: chain, throttle: throttle
        ) { [self] wanted, failure in
            await settle(wanted, failure)
        }
        let end = await pull.run { () async throws(Failure) in try await body(pull) }
        if case .success = end, Task.isCancelled { return .failure(Failure(.stopped, [], "stopped")) }
        return end
    }

    private func fetchAll(_ pull: Pull) async throws(Failure) {
        try await station.catchUp(to: order.state)
        if order.below.isEmpty { return }
        _ = try await station.refreshRoster()
        for name in order.below where !Task.isCancelled { try await fetch(name, pull) }
    }

    private func fetch(_ name: Name, _ pull: Pull) async throws(Failure) {
        let catalogue = station.catalogue
        let roots = try await station.work { () throws(Failure) in
            var chain: [NamedEntry] = []
            for ancestor in name.ancestors {
                if let entry = try catalogue.entry(ancestor) { chain.append(NamedEntry(ancestor, entry)) }
            }
            if let entry = try catalogue.entry(name) { chain.append(NamedEntry(name, entry)) }
            return chain
        }
        guard name.isRoot || roots.last?.name == name else {
            return ledger.fail(.notPublished(name))
        }
        try await take(roots, pull)
        try await station.eachPage(below: name) { (page) async throws(Failure) in try await take(page, pull) }
    }

    private func take(_ entries: [NamedEntry], _ pull: Pull) async throws(Failure) {
        let catalogue = station.catalogue
        let store = store
        let sorted = try await station.work { () throws(Failure) in
            var ready: [NamedEntry] = []
            var missing: [NamedEntry] = []
            for named in entries {
                if let content = named.entry.content, try store.extent(of: content) != .complete {
                    missing.append(named)
                } else {
                    ready.append(named)
                }
            }
            let files = missing
            let wanted = try catalogue.snapshot { (snapshot) throws(Failure) in
                try files.map { named throws(Failure) in try snapshot.wanted(of: named) }
            }
            return (ready, Array(zip(files, wanted.compactMap(\.self))))
        }
        ledger.note(directories: entries.filter(\.entry.isDirectory))
        try await pull.lookUp(sorted.1.map(\.1))
        for (named, wanted) in sorted.1 { await want(named, wanted, pull) }
        await add(sorted.0)
    }

    /// Pulls a missing content for its first name; further names wait for it.
    private func want(_ named: NamedEntry, _ wanted: Wanted, _ pull: Pull) async {
        let (content, size) = (wanted.content, wanted.manifest.size)
        guard ledger.isFirst(named, of: content) else { return }
        progressCounter.expect(bytes: size, files: 1)
        await pull.claim(content)
        // If the extent is unknown, the content is fetched.
        if !pull.isOnlyOrder, (try? await extent(of: content)) == .complete {
            progressCounter.add(bytes: size, files: 1)
            return await settle(wanted, nil)
        }
        await pull.fetch(wanted)
    }

    private func settle(_ wanted: Wanted, _ failure: Failure?) async {
        station.contentLocks.release(wanted.content)
        let names = ledger.takeWaiting(for: wanted.content)
        if let failure {
            ledger.fail(failure)
            // The caller gets the first failure; an unknown extent counts as nothing.
            let extent = (try? await extent(of: wanted.content)) ?? .nothing
            ledger.lacks(MissingContent(wanted.content, extent))
        } else {
            ledger.noteComplete(wanted.content)
            await add(names)
        }
    }

    private func extent(of content: ContentID) async throws(Failure) -> Extent {
        try await station.work { [store] () throws(Failure) in try store.extent(of: content) }
    }

    private func add(_ entries: [NamedEntry]) async {
        if ledger.ready(entries) { await placeWaiting() }
    }

    private func placeWaiting(mayTryAgain: Bool = false) async {
        let entries = ledger.takeReady()
        let failures = await StoreOrders(station, store).placeFiles(entries)
        ledger.placed(entries.filter { $0.entry.content != nil }.count - failures.count)
        let incomplete = Set(failures.filter { $0.kind == .missing }.map(\.subject))
        for failure in failures where !mayTryAgain || failure.kind != .missing { ledger.fail(failure) }
        if mayTryAgain { _ = ledger.ready(entries.filter { incomplete.contains($0.name.bytes) }) }
    }

    private func finishDirectories() async {
        for failure in await StoreOrders(station, store).place(ledger.allDirectories()) { ledger.fail(failure) }
    }

    /// Reports this store's new holdings to the metadata server.
    private func report() async {
        guard let number = station.number else { return }
        let (complete, lacking) = ledger.holdings()
        var holdings = lacking.map { Holding([$0.content], in: BitSet([number]), $0.extent) }
        for start in stride(from: 0, to: complete.count, by: FetchJob.reported) {
            let some = Array(complete[start..<min(complete.count, start + FetchJob.reported)])
            holdings.append(Holding(some, in: BitSet([number]), .complete))
        }
        guard !holdings.isEmpty else { return }
        do throws(Failure) {
            _ = try await station.ask(.hold(holdings), at: .metadataServer)
        } catch {
            ledger.fail(error)
        }
    }
}

/// Accumulates the results of a fetch. Thread-safe.
private final class FetchLedger: Sendable {
    private struct State {
        var failures: [Failure] = []
        var lacking: [MissingContent] = []
        var complete: [ContentID] = []
        var waiting: [ContentID: [NamedEntry]] = [:]
        var ready: [NamedEntry] = []
        var directories: [NamedEntry] = []
        var files: Int64 = 0
    }

    private static let batch = 500
    private let state = Mutex(State())

    func fail(_ failure: Failure) { state.withLock { $0.failures.append(failure) } }
    func lacks(_ lacking: MissingContent) { state.withLock { $0.lacking.append(lacking) } }
    func noteComplete(_ content: ContentID) { state.withLock { $0.complete.append(content) } }
    func placed(_ files: Int) { state.withLock { $0.files += Int64(files) } }
    func note(directories: [NamedEntry]) { state.withLock { $0.directories += directories } }
    func allDirectories() -> [NamedEntry] { state.withLock { $0.directories } }

    func isFirst(_ named: NamedEntry, of content: ContentID) -> Bool {
        state.withLock { state in
            state.waiting[content, default: []].append(named)
            return state.waiting[content]?.count == 1
        }
    }

    func takeWaiting(for content: ContentID) -> [NamedEntry] {
        state.withLock { $0.waiting.removeValue(forKey: content) ?? [] }
    }

    /// True if enough entries for a batch are ready.
    func ready(_ entries: [NamedEntry]) -> Bool {
        state.withLock { state in
            state.ready += entries
            return state.ready.count >= FetchLedger.batch
        }
    }

    func takeReady() -> [NamedEntry] {
        state.withLock { state in
            defer { state.ready = [] }
            return state.ready
        }
    }

    func holdings() -> (complete: [ContentID], lacking: [MissingContent]) {
        state.withLock { ($0.complete, $0.lacking.filter { $0.extent != .nothing }) }
    }

    func summary(moved: Int64, host: String) -> Fetched {
        state.withLock { state in
            Fetched(
                files: state.files, moved: moved, failures: state.failures.map { $0.at(host) }, lacking: state.lacking)
        }
    }
}
