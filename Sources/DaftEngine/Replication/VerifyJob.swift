// Scrub: re-reads and hashes what a store keeps, and replaces corrupt data from good copies.
//
//   1. List the contents: everything the store keeps, or those below some names.
//   2. Re-read each; the store removes names whose files have wrong bytes and drops the bad chunks.
//   3. Report to the metadata server, so that no rank is sent here for the bad chunks.
//   4. Pull the chunks from other holders and place the names again.
//   5. Chunks without a holder are lost: report their byte ranges and names.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class VerifyJob: Sendable {
    private static let page = 500
    private static let underWay = 3

    private let station: Station
    private let store: Store
    private let progressCounter: ProgressCounter
    private let tally = Mutex(Tally())
    /// For the next contents of a page, unless somebody waits for memory: the kernel clears 2 MiB of each new slab.
    private let spare = Mutex<[Slab]>([])

    private struct Tally {
        var contents: Int64 = 0
        var bytes: Int64 = 0
        var corrupt: Int64 = 0
        var repaired: Int64 = 0
        var failures: [Failure] = []
        var pending: [Holding] = []
        /// Names that should be placed here and are not.
        var nameless: [NamedEntry] = []
    }

    /// A damaged content and the names it had here.
    private struct Damaged: Sendable {
        let content: ContentID
        let manifest: Manifest
        let names: [Name]
        let chunks: [Int]
    }

    init(_ station: Station, _ store: Store, _ progressCounter: ProgressCounter) {
        self.station = station
        self.store = store
        self.progressCounter = progressCounter
    }

    func run(below names: [Name], state: State) async -> Outcome {
        do throws(Failure) {
            try await station.catchUp(to: state)
            _ = try await station.refreshRoster()
            if names.isEmpty { try await everything() } else { try await contents(below: names) }
            try await finishDirectories()
        } catch {
            note(error)
        }
        return outcome()
    }

    /// Verifies contents of which another rank received wrong bytes.
    func examine(_ contents: [ContentID]) async -> Outcome {
        await check(contents)
        do throws(Failure) { try await finishDirectories() } catch { note(error) }
        return outcome()
    }

    private func everything() async throws(Failure) {
        var pages = station.pages(by: \.content) { [store] last throws(Failure) in
            try store.kept(after: last, limit: VerifyJob.page)
        }
        while !Task.isCancelled, let page = try await pages.next() { await check(page.map(\.content)) }
    }

    private func contents(below names: [Name]) async throws(Failure) {
        let catalogue = station.catalogue
        var seen: Set<ContentID> = []
        for name in names {
            let root = try await station.work { () throws(Failure) in try catalogue.entry(name) }
            guard root != nil || name.isRoot else {
                note(.notPublished(name))
                continue
            }
            try await station.eachEntry(below: name) { (page) async throws(Failure) in
                await check(page.compactMap(\.entry.content).filter { seen.insert($0).inserted })
            }
        }
    }

    private func check(_ contents: [ContentID]) async {
        var damaged: [Damaged] = []
        let isOneOfMany = contents.count >= VerifyJob.underWay
        var next = contents.makeIterator()
        await station.loop.inOrder(width: VerifyJob.underWay) {
            Task.isCancelled ? nil : next.next()
        } work: { [self] content in
            let slab = await slab()
            let result = await Result.of { () async throws(Failure) in
                try await station.work { [self] () throws(Failure) in
                    try look(at: content, slab, directly: isOneOfMany)
                }
            }
            spare.withLock { if !station.intake.isShort { $0.append(slab) } }
            return result
        } take: { result in
            switch result {
            case .success(let found?): damaged.append(found)
            case .success(nil): break
            case .failure(let failure): note(failure)
            }
        }
        spare.withLock { $0 = [] }
        await reportPending()
        await place(
            tally.withLock { tally in
                defer { tally.nameless = [] }
                return tally.nameless
            })
        if !damaged.isEmpty { await mend(damaged) }
    }

    private func slab() async -> Slab {
        if let slab = spare.withLock({ $0.popLast() }) { return slab }
        return await station.intake.take(ChunkSize.largest)
    }

    private func look(at content: ContentID, _ slab: Slab, directly: Bool) throws(Failure) -> Damaged? {
        let extent = try store.extent(of: content)
        guard extent != .nothing, let manifest = try store.manifest(of: content) else { return nil }
        let kept = extent.chunks(of: manifest.chunks.count).reduce(Int64(0)) { $0 + Int64(manifest.length(of: $1)) }
        progressCounter.expect(bytes: kept, files: 1)
        let names = try store.names(of: content)
        let due = extent == .complete ? try namesDue(content, names) : names
        let checked = try slab.withMutableBytes { (buffer) throws(Failure) in
            try store.check(content, buffer: buffer, directly: directly)
        }
        let bad = checked.lost
        progressCounter.add(bytes: kept, files: 1)
        tally.withLock { tally in
            tally.contents += 1
            tally.bytes += kept
            tally.corrupt += Int64(bad.count + checked.mended)
            tally.repaired += Int64(checked.mended)
        }
        if bad.isEmpty {
            try noteIfUntold(content, extent)
            try noteIfNameless(due.filter { !names.contains($0) })
        }
        return bad.isEmpty ? nil : Damaged(content: content, manifest: manifest, names: due, chunks: bad)
    }

    /// Records a content that an interrupted run left here without a name and that became known through another store.
    private func noteIfUntold(_ content: ContentID, _ extent: Extent) throws(Failure) {
        let catalogue = station.catalogue
        guard let number = station.number, try catalogue.size(of: content) != nil,
            try catalogue.holders(of: content).extent(of: number) != extent
        else { return }
        tally.withLock { $0.pending.append(Holding([content], in: BitSet([number]), extent)) }
    }

    /// The names that should be placed here; for broadcasts all of them, since an interrupted run may have removed
    /// some.
    private func namesDue(_ content: ContentID, _ names: [Name]) throws(Failure) -> [Name] {
        let catalogue = station.catalogue
        let published = try catalogue.names(of: content)
        if published.count <= names.count { return names }
        return try catalogue.copied(content)?.copies == .everywhere ? published : names
    }

    private func noteIfNameless(_ names: [Name]) throws(Failure) {
        for name in names {
            if let entry = try station.catalogue.entry(name) {
                tally.withLock { $0.nameless.append(NamedEntry(name, entry)) }
            }
        }
    }

    private func reportPending() async {
        let holdings = tally.withLock { tally in
            defer { tally.pending = [] }
            return tally.pending
        }
        if holdings.isEmpty { return }
        do throws(Failure) { _ = try await station.ask(.hold(holdings), at: .metadataServer) } catch { note(error) }
    }

    // MARK: repair

    private func mend(_ damaged: [Damaged]) async {
        do throws(Failure) {
            try await report(damaged)
            try await station.catchUp()
            _ = try await station.refreshRoster()
            let pull = Pull(station, to: StoreDestination(store), progressCounter: ProgressCounter()) {
                [self] wanted, failure in
                station.contentLocks.release(wanted.content)
                guard let one = damaged.first(where: { $0.content == wanted.content }) else { return }
                await settle(one, failure)
            }
            let end = await pull.run { () async throws(Failure) in
                for one in damaged {
                    guard let wanted = try await wanted(one) else { continue }
                    await pull.claim(one.content)
                    await pull.fetch(wanted)
                }
            }
            try await report(damaged)
            try end.get()
        } catch {
            note(error)
        }
    }

    /// Exactly the chunks that were here before.
    private func wanted(_ one: Damaged) async throws(Failure) -> Wanted? {
        let catalogue = station.catalogue
        let names = try await station.work { () throws(Failure) in try catalogue.names(of: one.content) }
        guard let name = one.names.first ?? names.first else { return nil }
        return Wanted(content: one.content, manifest: one.manifest, name: name, chunks: BitSet(one.chunks))
    }

    /// Reports the current holdings of these contents to the metadata server.
    private func report(_ damaged: [Damaged]) async throws(Failure) {
        guard let number = station.number else { return }
        let holdings = try await station.work { [store] () throws(Failure) in
            var holdings: [Holding] = []
            for one in damaged {
                holdings.append(Holding([one.content], in: BitSet([number]), try store.extent(of: one.content)))
            }
            return holdings
        }
        _ = try await station.ask(.hold(holdings), at: .metadataServer)
    }

    private func settle(_ one: Damaged, _ failure: Failure?) async {
        if let failure { return note(failure) }
        tally.withLock { $0.repaired += Int64(one.chunks.count) }
        let catalogue = station.catalogue
        do throws(Failure) {
            let entries = try await station.work { () throws(Failure) in
                var entries: [NamedEntry] = []
                for name in one.names {
                    if let entry = try catalogue.entry(name) { entries.append(NamedEntry(name, entry)) }
                }
                return entries
            }
            await place(entries)
        } catch {
            note(error)
        }
    }

    private func place(_ entries: [NamedEntry]) async {
        if entries.isEmpty { return }
        for failure in await StoreOrders(station, store).placeFiles(entries) { note(failure) }
    }

    /// Restores mtimes of directories that removing and placing files has changed, in this run or an interrupted one.
    private func finishDirectories() async throws(Failure) {
        var areFinished = true
        var pages = station.pages(by: \.name) { [store] last throws(Failure) in
            try store.named(after: last, limit: VerifyJob.page)
        }
        while !Task.isCancelled, let page = try await pages.next() {
            let failures = try await station.work { [store, catalogue = station.catalogue] () throws(Failure) in
                var directories: [NamedEntry] = []
                for named in page where named.entry.isDirectory {
                    if let entry = try catalogue.entry(named.name) { directories.append(NamedEntry(named.name, entry)) }
                }
                return store.finishDirectories(directories)
            }
            for failure in failures { note(failure) }
            areFinished = areFinished && failures.isEmpty
        }
        if areFinished, !Task.isCancelled { try await syncDirectories() }
    }

    private func syncDirectories() async throws(Failure) {
        try await station.work { [store] () throws(Failure) in try store.syncDirectories() }
    }

    private func note(_ failure: Failure) {
        tally.withLock { $0.failures.append(failure.at(station.settings.host)) }
    }

    private func outcome() -> Outcome {
        tally.withLock { tally in
            .verified(
                Verified(
                    contents: tally.contents, bytes: tally.bytes, corrupt: tally.corrupt, repaired: tally.repaired,
                    failures: tally.failures))
        }
    }
}
