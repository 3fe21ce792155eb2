// A tree of this node that another rank reads page by page while its order lasts: the serving side of `gather`. Nothing
// is copied; bytes are read in place, as for any offer.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class OfferedTree: Sendable {
    private static let pageFinds = 512

    private struct State {
        /// The last page sent, in case its answer was lost.
        var last: (number: Int, page: OfferedPage)?
        var offers: Set<UInt64> = []
    }

    private let station: Station
    private let walk: SourceWalk
    private let chunkSize: ChunkSize
    /// Serializes use of the walk.
    private let semaphore = AsyncSemaphore(width: 1)
    private let state = Mutex(State())

    private init(_ station: Station, _ walk: SourceWalk, _ chunkSize: ChunkSize) {
        (self.station, self.walk, self.chunkSize) = (station, walk, chunkSize)
    }

    static func open(_ offering: OfferOrder, _ store: Store, at station: Station) async throws(Failure) -> OfferedTree {
        let members = station.roster.members
        let walk = try await station.work { () throws(Failure) in
            let source = try resolvedSource(try store.gathered(offering.path))
            let stores = members.filter { $0.store.host == station.settings.host }.map(\.store.path)
            let own = Set(stores.compactMap { directoryIdentity($0 + Array("/.daft".utf8)) })
            return try SourceWalk(source) { device, inode in own.contains([device, inode]) }
        }
        return OfferedTree(station, walk, offering.chunkSize)
    }

    func page(_ number: Int, done: [UInt64]) async throws(Failure) -> OfferedPage {
        await semaphore.enter()
        defer { semaphore.leave() }
        let (last, over) = state.withLock { state in
            let over = state.offers.intersection(done)
            state.offers.subtract(over)
            return (state.last, over)
        }
        for offer in over { station.offers.withdraw(offer) }
        if let last, last.number == number { return last.page }
        guard number == (last?.number ?? -1) + 1 else {
            throw Failure(.malformed, [], "a page of an offered tree that is over, or is not yet")
        }
        let walk = walk
        let page = sort(await station.workers.run { walk.next(OfferedTree.pageFinds) })
        state.withLock { state in
            state.last = (number, page)
            state.offers.insert(page.offer)
        }
        return page
    }

    /// Withdraws all offers.
    func close() {
        let offers = state.withLock { state in
            defer { state.offers = [] }
            return state.offers
        }
        for offer in offers { station.offers.withdraw(offer) }
    }

    private func sort(_ sightings: [WalkEvent]) -> OfferedPage {
        var files: [SourceFileInfo] = []
        var entries: [OfferedEntry] = []
        var (failures, warnings): ([Failure], [Failure]) = ([], [])
        for sighting in sightings {
            switch sighting {
            case .skipped(let failure): warnings.append(failure.at(station.settings.host))
            case .failed(let failure): failures.append(failure.at(station.settings.host))
            case .found(let found):
                do throws(NameError) {
                    _ = try OfferedEntry.name(of: found.relative)
                    if case .file(let info) = found.kind { files.append(info) }
                    entries.append(OfferedEntry(found))
                } catch {
                    failures.append(Failure(.usage, found.relative, node: station.settings.host, error.reason))
                }
            }
        }
        let offer = station.offers.make(files, chunkSize: chunkSize)
        return OfferedPage(
            offer: offer, entries: entries, failures: failures, warnings: warnings, isLast: sightings.isEmpty)
    }
}

extension OfferedEntry {
    fileprivate init(_ found: WalkedEntry) {
        let kind: Kind =
            switch found.kind {
            case .file(let info): .file(size: info.size)
            case .directory: .directory
            case .symlink(let target): .symlink(target)
            }
        self.init(found.relative, kind, mode: found.mode, mtime: found.mtime)
    }
}

extension Store {
    /// The path to gather: absolute, or relative to the store. Blocks.
    func gathered(_ path: [UInt8]) throws(Failure) -> [UInt8] {
        let path = path.first == Name.slash ? path : directory + [Name.slash] + path
        guard pathExists(path) else { throw Failure(.missing, path, "not there: nothing to gather") }
        if isOwnData(path) { throw Failure(.usage, path, "is daft's own: there is nothing to gather") }
        return path
    }
}

/// The trees that a data server offers.
final class OfferedTrees: Sendable {
    private struct Key: Hashable {
        let reader: Rank
        let number: UInt64
    }

    private enum Tree {
        /// A page may be requested before the tree is open on a busy node.
        case opening
        case open(OfferedTree)
        case failed(Failure)
    }

    /// A failure stays available to page requests for this long.
    private static let rememberedMilliseconds = 10_000

    private let loop: any Loop
    private let changed: Condition
    private let trees = Mutex<[Key: Tree]>([:])

    init(on loop: any Loop) {
        self.loop = loop
        changed = Condition(on: loop)
    }

    /// Executes an offer order until it is cancelled or no longer polled.
    func offer(_ offering: OfferOrder, to reader: Rank, _ store: Store, at station: Station) async -> Outcome {
        let key = Key(reader: reader, number: offering.number)
        set(key, .opening)
        do throws(Failure) {
            let tree = try await OfferedTree.open(offering, store, at: station)
            set(key, .open(tree))
            await untilCancelled(on: loop)
            set(key, nil)
            tree.close()
            return .placed([])
        } catch {
            set(key, .failed(error))
            loop.start { [self] in
                await loop.sleep(milliseconds: OfferedTrees.rememberedMilliseconds)
                set(key, nil)
            }
            return .failed(error)
        }
    }

    private func set(_ key: Key, _ tree: Tree?) {
        trees.withLock { $0[key] = tree }
        changed.notify()
    }

    func page(_ page: Int, of number: UInt64, for reader: Rank, done: [UInt64]) async throws(Failure) -> OfferedPage {
        let key = Key(reader: reader, number: number)
        while true {
            let edition = changed.edition
            switch trees.withLock({ $0[key] }) {
            case .open(let tree): return try await tree.page(page, done: done)
            case .opening: await changed.wait(until: loop.deadline(inMilliseconds: 1_000), after: edition)
            case .failed(let failure): throw failure
            case nil: throw Failure(.stopped, [], "this tree is no longer offered")
            }
        }
    }
}

private func untilCancelled(on loop: any Loop) async {
    let end = Condition(on: loop)
    let edition = end.edition
    await withTaskCancellationHandler {
        while !Task.isCancelled {
            await end.wait(until: loop.deadline(inMilliseconds: 60_000), after: edition)
        }
    } onCancel: {
        end.notify()
    }
}
