// Selects the source of a chunk outside chains: a holder, preferably on this node, else the least busy. Wrong, silent
// or lacking sources are skipped.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

/// A content to fetch, and the name to report it by.
struct Wanted: Sendable {
    let content: ContentID
    let manifest: Manifest
    let name: Name
    /// The wanted chunks; nil: all.
    var chunks: BitSet?
    /// Set if the bytes come from a rank's offer instead of a store.
    var offered: OfferedFile?

    func piece(_ chunk: Int) -> Piece {
        let origin: Piece.Origin = offered.map { .offered(offer: $0.offer.number, file: $0.file) } ?? .kept(content)
        return Piece(origin, chunk: chunk, length: manifest.length(of: chunk))
    }
}

struct OfferedFile: Sendable {
    let offer: Offer
    let file: Int
}

actor SourceSelector {
    private let station: Station
    private nonisolated let loop: any Loop
    private let progressCounter: ProgressCounter
    /// The destination is this rank's store, which then is no source.
    private let isForOwnStore: Bool
    private let stop: Event
    private let doubts = CorruptionReports()
    private var holders: [ContentID: [(rank: Rank, extent: Extent)]] = [:]
    private var busy: [Rank: Int] = [:]
    private var silent: Set<Rank> = []
    /// Deadlines until which a silent rank is retried if there is no other source.
    private var retryDeadlines: [Rank: Nanoseconds] = [:]
    private static let retryMilliseconds = 15_000
    private static let retryPauseMilliseconds = 250
    /// Chunks of which a rank sent wrong bytes; its other chunks may be right.
    private var wrong: [ContentID: [Rank: BitSet]] = [:]

    init(_ station: Station, progressCounter: ProgressCounter, isForOwnStore: Bool, stop: Event = Event()) {
        self.station = station
        self.progressCounter = progressCounter
        self.isForOwnStore = isForOwnStore
        self.stop = stop
        loop = station.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Ranks with requests outstanding.
    var asked: [Rank] { busy.filter { $0.value > 0 }.map(\.key) }

    /// The source that would be asked for the first chunk now.
    func likelySource(of wanted: Wanted) async throws(Failure) -> Rank? {
        try await pick(wanted, chunk: 0, except: [])
    }

    /// The nearest holder of a chunk upstream in a chain.
    func nearest(in chain: Chain, _ wanted: Wanted, chunk: Int) async throws(Failure) -> Rank? {
        let here = station.rank
        return try await keepers(of: wanted).filter { $0.extent.contains(chunk) }
            .compactMap { keeper in chain.distance(from: here, upTo: keeper.rank).map { (keeper.rank, $0) } }
            .min { $0.1 < $1.1 }?.0
    }

    /// The order in which to request chunks. In a chain, those of the nearest holders first, as they arrive; otherwise,
    /// for a content split over stores, round-robin over the holders to use all links.
    func order(of wanted: Wanted, in chain: Chain?) async throws(Failure) -> [Int] {
        let chunks = Array(wanted.manifest.chunks.indices)
        let keepers = try await keepers(of: wanted).sorted { $0.rank < $1.rank }
        if !keepers.contains(where: { $0.extent != .complete }) { return chunks }
        guard let chain else { return alternatingKeepers(chunks, keepers.map(\.extent)) }
        let distances = keepers.compactMap { keeper in
            chain.distance(from: station.rank, upTo: keeper.rank).map { (extent: keeper.extent, steps: $0) }
        }
        let steps = chunks.map { chunk in
            distances.filter { $0.extent.contains(chunk) }.map(\.steps).min() ?? chain.ranks.count
        }
        return chunks.sorted { (steps[$0], $0) < (steps[$1], $1) }
    }

    private func alternatingKeepers(_ chunks: [Int], _ extents: [Extent]) -> [Int] {
        var counts: [Int: Int] = [:]
        let order = chunks.map { chunk in
            let keeper = extents.firstIndex { $0 != .complete && $0.contains(chunk) } ?? extents.count
            defer { counts[keeper, default: 0] += 1 }
            return (counts[keeper] ?? 0, keeper)
        }
        return chunks.sorted { (order[$0].0, order[$0].1, $0) < (order[$1].0, order[$1].1, $1) }
    }

    func forget(_ content: ContentID) { holders[content] = nil }

    /// Fetches and verifies one chunk, at the start of a slab; throws the reason if no source has it.
    func obtain(_ wanted: Wanted, chunk: Int) async throws(Failure) -> Slab {
        let piece = wanted.piece(chunk)
        repeat {
            var passed: Set<Rank> = []
            while let source = try await pick(wanted, chunk: chunk, except: passed) {
                let (slab, arrivals) = try await attempt(source, [piece], [wanted])
                if let slab, arrivals == [.right] { return slab }
                passed.insert(source)
                try stopIfCancelled(wanted)
            }
        } while try await mayBecomeAvailable(wanted, chunk: chunk)
        throw try await whyNot(wanted, chunk: chunk)
    }

    /// Loads and verifies pieces from one source. A nil slab means no answer.
    func attempt(
        _ source: Rank, _ pieces: [Piece], _ wanted: [Wanted]
    ) async throws(Failure) -> (slab: Slab?, arrivals: [Arrival]) {
        busy[source, default: 0] += 1
        defer { busy[source, default: 1] -= 1 }
        let ids = zip(pieces, wanted).map { $1.manifest.chunks[$0.chunk] }
        let retryDeadline = loop.deadline(inMilliseconds: SourceSelector.retryMilliseconds)
        do throws(LinkError) {
            let (slab, arrivals) = try await station.load(
                pieces, ids, from: source, isRelayed: isForOwnStore, progressCounter: progressCounter, doubts: doubts)
            retryDeadlines[source] = nil
            for (i, arrival) in arrivals.enumerated() where arrival == .wrong {
                wrong[wanted[i].content, default: [:]][source, default: BitSet()].insert(pieces[i].chunk)
            }
            return (slab, arrivals)
        } catch {
            if error == .closed { throw Failure(.stopped, [], error.reason) }
            silent.insert(source)
            retryDeadlines[source] = retryDeadlines[source] ?? retryDeadline
            return (nil, pieces.map { _ in .absent })
        }
    }

    /// Whether a silent holder may still return; if so, pauses before the retry.
    private func mayBecomeAvailable(_ wanted: Wanted, chunk: Int) async throws(Failure) -> Bool {
        let there = Set(station.link.ranks)
        let recovering = try await keepers(of: wanted)
            .filter { $0.extent.contains(chunk) && silent.contains($0.rank) && there.contains($0.rank) }
            .map(\.rank).filter { loop.now < retryDeadlines[$0] ?? 0 }
        if recovering.isEmpty { return false }
        await loop.sleep(milliseconds: SourceSelector.retryPauseMilliseconds)
        try stopIfCancelled(wanted)
        silent.subtract(recovering)
        return true
    }

    private func pick(_ wanted: Wanted, chunk: Int, except passed: Set<Rank>) async throws(Failure) -> Rank? {
        let unusable = passed.union(silent).union(wrongSources(of: wanted.content, chunk))
        let keepers = try await keepers(of: wanted)
            .filter { $0.extent.contains(chunk) && !unusable.contains($0.rank) }.map(\.rank)
        return keepers.first(where: isNear) ?? leastBusy(keepers, chunk)
    }

    private func isNear(_ rank: Rank) -> Bool {
        rank == station.rank || (!isForOwnStore && station.nearStore(rank) != nil)
    }

    /// A store on this node that keeps the whole content.
    func nearStore(of wanted: Wanted) async throws(Failure) -> Store? {
        if isForOwnStore || wanted.offered != nil { return nil }
        let keepers = try await keepers(of: wanted)
        return keepers.lazy.filter { $0.extent == .complete }.compactMap { [station] in station.nearStore($0.rank) }
            .first
    }

    /// Breaks ties by rank and chunk, to spread load.
    private func leastBusy(_ ranks: [Rank], _ chunk: Int) -> Rank? {
        let rotation = station.rank.number + chunk
        return ranks.sorted().enumerated().min { x, y in
            let a = (busy[x.element] ?? 0, (x.offset + rotation) % ranks.count)
            let b = (busy[y.element] ?? 0, (y.offset + rotation) % ranks.count)
            return a < b
        }?.element
    }

    private func keepers(of wanted: Wanted) async throws(Failure) -> [(rank: Rank, extent: Extent)] {
        if let offered = wanted.offered { return [(offered.offer.rank, .complete)] }
        let content = wanted.content
        if let known = holders[content] { return known }
        let catalogue = station.catalogue
        let found = try await station.work { () throws(Failure) in try catalogue.holders(of: content) }
        return note(found, of: content)
    }

    /// Looks up the holders of many contents by one job: each by itself would wake a worker.
    func lookUp(_ wanted: [Wanted]) async throws(Failure) {
        let unknown = wanted.filter { $0.offered == nil && holders[$0.content] == nil }.map(\.content)
        if unknown.isEmpty { return }
        let catalogue = station.catalogue
        let found = try await station.work { () throws(Failure) in
            try catalogue.snapshot { (snapshot) throws(Failure) in
                try unknown.map { content throws(Failure) in try snapshot.holders(of: content) }
            }
        }
        for (content, one) in zip(unknown, found) { _ = note(one, of: content) }
    }

    private func note(_ found: Holders, of content: ContentID) -> [(rank: Rank, extent: Extent)] {
        var keepers: [(rank: Rank, extent: Extent)] = []
        for store in found.complete {
            if let rank = station.roster.rank(ofStore: store) { keepers.append((rank, .complete)) }
        }
        for part in found.parts {
            if let rank = station.roster.rank(ofStore: part.store) { keepers.append((rank, .part(part.chunks))) }
        }
        // Never ask itself for a chunk that it lacks, whatever the catalogue says.
        if isForOwnStore { keepers.removeAll { $0.rank == station.rank } }
        holders[content] = keepers
        return keepers
    }

    private func wrongSources(of content: ContentID, _ chunk: Int) -> [Rank] {
        (wrong[content] ?? [:]).filter { $0.value.contains(chunk) }.map(\.key)
    }

    private func stopIfCancelled(_ wanted: Wanted) throws(Failure) {
        if stop.isSet || Task.isCancelled { throw Failure(.stopped, wanted.name, "stopped") }
    }

    /// The reason why a chunk cannot be had. It is lost only if no store, silent or absent, may still have it.
    private func whyNot(_ wanted: Wanted, chunk: Int) async throws(Failure) -> Failure {
        let keepers = try await keepers(of: wanted).filter { $0.extent.contains(chunk) }.map(\.rank)
        let start = wanted.manifest.offset(of: chunk)
        let range = "bytes \(start)–\(start + Int64(wanted.manifest.length(of: chunk)) - 1)"
        func nodes(_ ranks: [Rank]) -> String { ranks.map(station.roster.node).joined(separator: ", ") }
        let mute = keepers.filter(silent.contains)
        if !mute.isEmpty {
            return Failure(.unreachable, wanted.name, "\(range) could not be had from \(nodes(mute)): no answer")
        }
        if wanted.offered != nil { return Failure(.changed, wanted.name, "changed while it was read; not written") }
        let away = try await absentKeepers(of: wanted.content, chunk: chunk).joined(separator: ", ")
        if !away.isEmpty {
            return Failure(.unreachable, wanted.name, "\(range) are kept only by \(away), which is away")
        }
        if keepers.isEmpty {
            return Failure(.corrupt, wanted.name, "\(range) are kept by no data server: lost")
        }
        return Failure(
            .corrupt, wanted.name, "\(range) are corrupt or gone at \(nodes(keepers)), and kept nowhere else")
    }

    /// Stores that keep the chunk and are not in this run.
    private func absentKeepers(of content: ContentID, chunk: Int) async throws(Failure) -> [String] {
        let catalogue = station.catalogue
        let alive = Set(station.roster.members.filter(\.isAlive).map(\.number))
        return try await station.work { () throws(Failure) in
            let found = try catalogue.holders(of: content)
            let stores = Array(found.complete) + found.parts.filter { $0.chunks.contains(chunk) }.map(\.store)
            let known = try catalogue.stores()
            return stores.filter { !alive.contains($0) }.map { number in
                known.first { $0.number == number }.map { "\($0.info.host):\(shown($0.info.path))" }
                    ?? "store \(number)"
            }
        }
    }
}
