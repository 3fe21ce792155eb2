// Adds copies of contents, or parts of them, to a store, as a repair orders.
//
//   1. Catch up with the catalogue; pull what is missing here from its holders.
//   2. Place complete contents at their names; for partial ones, note the names for a catalogue rebuild.
//   3. Report the new holdings to the metadata server.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

struct ReplicaWriter: Sendable {
    private let station: Station
    private let store: Store
    private let order: Replicate
    private let progressCounter: ProgressCounter
    private let tally = Tally()

    private final class Tally: Sendable {
        let failures = Mutex<[Failure]>([])
        let fetched = Mutex<[ContentID]>([])
        func fail(_ failure: Failure) { failures.withLock { $0.append(failure) } }
    }

    /// A content to fetch, unless this store has all wanted parts of it.
    private struct FetchItem {
        let wanted: Wanted
        let isHere: Bool
    }

    init(_ station: Station, _ store: Store, _ order: Replicate, _ progressCounter: ProgressCounter) {
        self.station = station
        self.store = store
        self.order = order
        self.progressCounter = progressCounter
    }

    func run() async -> Outcome {
        let pull = Pull(station, to: StoreDestination(store), progressCounter: progressCounter) {
            [self] wanted, failure in
            station.contentLocks.release(wanted.content)
            if let failure { tally.fail(failure) } else { tally.fetched.withLock { $0.append(wanted.content) } }
        }
        let end = await pull.run { () async throws(Failure) in try await fetchAll(pull) }
        do throws(Failure) { try end.get() } catch { tally.fail(error) }
        do throws(Failure) { try await conclude() } catch { tally.fail(error) }
        let host = station.settings.host
        return .fetched(
            Fetched(
                files: Int64(tally.fetched.withLock { $0.count }), moved: progressCounter.moved,
                failures: tally.failures.withLock { $0 }.map { $0.at(host) }, lacking: []))
    }

    private func fetchAll(_ pull: Pull) async throws(Failure) {
        try await station.catchUp(to: order.state)
        _ = try await station.refreshRoster()
        for item in order.wanted {
            if Task.isCancelled { throw Failure(.stopped, [], "stopped") }
            await pull.claim(item.content)
            do throws(Failure) {
                let coming = try await inspect(item)
                if coming.isHere {
                    station.contentLocks.release(item.content)
                    tally.fetched.withLock { $0.append(item.content) }
                } else {
                    await pull.fetch(coming.wanted)
                }
            } catch {
                station.contentLocks.release(item.content)
                tally.fail(error)
            }
        }
    }

    private func inspect(_ item: MissingContent) async throws(Failure) -> FetchItem {
        let (store, catalogue) = (store, station.catalogue)
        return try await station.work { () throws(Failure) in
            guard let manifest = try catalogue.manifest(item.content) else {
                throw Failure(.malformed, item.content.hex.utf8, "a content to copy that the catalogue does not know")
            }
            let count = manifest.chunks.count
            let chunks = item.extent.chunks(of: count)
            let extent = try store.extent(of: item.content)
            let here = extent.chunks(of: count)
            let name = try catalogue.names(of: item.content).first ?? .root
            var wanted = Wanted(content: item.content, manifest: manifest, name: name)
            if item.extent != .complete { wanted.chunks = chunks }
            let isHere = extent == .complete || item.extent != .complete && chunks.allSatisfy(here.contains)
            return FetchItem(wanted: wanted, isHere: isHere)
        }
    }

    // MARK: conclusion

    /// Also records parts that arrived, so that they count and are not fetched again.
    private func conclude() async throws(Failure) {
        let contents = order.wanted.map(\.content)
        let names = try await names(of: contents)
        let orders = StoreOrders(station, store)
        for failure in await orders.placeFiles(names.complete) { tally.fail(failure) }
        for failure in await orders.place(names.directories) { tally.fail(failure) }
        try await station.work { [store] () throws(Failure) in try store.note(names.partly) }
        guard let number = station.number else { return }
        let holdings = try await station.work { [store] () throws(Failure) in
            var complete: [ContentID] = []
            var parts: [Holding] = []
            for content in contents {
                switch try store.extent(of: content) {
                case .complete: complete.append(content)
                case .part(let chunks):
                    if !chunks.isEmpty { parts.append(Holding([content], in: BitSet([number]), .part(chunks))) }
                }
            }
            return (complete.isEmpty ? [] : [Holding(complete, in: BitSet([number]), .complete)]) + parts
        }
        if !holdings.isEmpty { _ = try await station.ask(.hold(holdings), at: .metadataServer) }
    }

    private struct Names {
        var complete: [NamedEntry] = []
        var partly: [NamedEntry] = []
        var directories: [NamedEntry] = []
    }

    private func names(of contents: [ContentID]) async throws(Failure) -> Names {
        let (store, catalogue) = (store, station.catalogue)
        return try await station.work { () throws(Failure) in
            var found = Names()
            var above: Set<Name> = []
            for content in contents {
                let extent = try store.extent(of: content)
                if extent == .nothing { continue }
                for name in try catalogue.names(of: content) {
                    guard let entry = try catalogue.entry(name) else { continue }
                    let named = NamedEntry(name, entry)
                    if extent == .complete { found.complete.append(named) } else { found.partly.append(named) }
                    if extent == .complete { above.formUnion(name.ancestors) }
                }
            }
            for name in above.sorted() {
                if let entry = try catalogue.entry(name), entry.isDirectory, !name.isRoot {
                    found.directories.append(NamedEntry(name, entry))
                }
            }
            return found
        }
    }
}
