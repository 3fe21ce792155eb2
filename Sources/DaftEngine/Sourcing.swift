// Where a chunk comes from: the cheapest source first. In a broadcast's chain that is the neighbour before us; else a
// rank that is loading the same content and has the chunk already, else a store that keeps it, the least busy first.
// What arrives is hashed; a source that is wrong, silent or without it is passed over, and the next one asked.

import DaftCatalogue
import DaftCore
import DaftLink
import DaftStore

/// A content that is wanted, and the name to report it by.
struct Wanted: Sendable {
    let content: ContentID
    let manifest: Manifest
    let name: Name
    /// Just these chunks, where not all are wanted.
    var chunks: BitSet?
}

actor Sourcing {
    /// A neighbour that is not done yet is asked again; one that says at once that it lacks a chunk, a few times only:
    /// at the start of a broadcast our order may be here before its own.
    private static let neighbourPatienceMilliseconds = 60_000
    private static let neighbourTries = 5
    private static let neighbourPauseMilliseconds = 20
    private static let promptAnswer: Nanoseconds = 500_000_000

    private let station: Station
    private nonisolated let loop: any Loop
    private let meter: Meter
    private let predecessor: Rank?
    /// What is obtained goes into this rank's own store, which therefore is no source.
    private let isForOwnStore: Bool
    private let stop: Stop
    private var holders: [ContentID: [(rank: Rank, extent: Extent)]] = [:]
    private var peers: [ContentID: [Rank: BitSet]] = [:]
    private var busy: [Rank: Int] = [:]
    private var silent: Set<Rank> = []
    private var turn = 0
    /// Who sent wrong bytes, of which chunks: its other chunks may well be right, and elsewhere wrong.
    private var wrong: [ContentID: [Rank: BitSet]] = [:]

    init(_ station: Station, meter: Meter, predecessor: Rank?, isForOwnStore: Bool, stop: Stop = Stop()) {
        self.station = station
        self.meter = meter
        self.isForOwnStore = isForOwnStore
        self.predecessor = predecessor == station.rank ? nil : predecessor
        self.stop = stop
        loop = station.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// The source that a chunk would be asked of now; small files that have the same travel together.
    func likelySource(of wanted: Wanted) async throws(Failure) -> Rank? {
        try await pick(wanted, chunk: 0, except: [])
    }

    /// The chunks to ask for next, among those that are `open`: what other ranks that are loading the content have at
    /// this moment; else, of a content that is kept in parts, what the keeper has whose turn it is, so that the links
    /// of all of them carry something.
    func preferred(_ content: ContentID, among open: BitSet) async -> BitSet {
        var atPeers = BitSet()
        for chunks in (peers[content] ?? [:]).values { atPeers.formUnion(chunks) }
        if !open.intersection(atPeers).isEmpty { return atPeers }
        let parts = ((try? await keepers(of: content)) ?? []).compactMap { keeper in
            if case .part(let chunks) = keeper.extent { chunks } else { nil as BitSet? }
        }
        for _ in parts.indices {
            turn += 1
            let chunks = parts[turn % parts.count]
            if !open.intersection(chunks).isEmpty { return chunks }
        }
        return BitSet()
    }

    func note(peers chunks: [Rank: BitSet], of content: ContentID) { peers[content] = chunks }
    func forget(_ content: ContentID) {
        peers[content] = nil
        holders[content] = nil
    }

    /// Brings one chunk, hashed and right, at the beginning of a slab, or says why it cannot be had.
    func obtain(_ wanted: Wanted, chunk: Int) async throws(Failure) -> Slab {
        let piece = Piece(.kept(wanted.content), chunk: chunk, length: wanted.manifest.length(of: chunk))
        if let predecessor, !silent.contains(predecessor) {
            if let slab = try await fromNeighbour(predecessor, piece, wanted) { return slab }
        }
        var passed: Set<Rank> = predecessor.map { [$0] } ?? []
        while let source = try await pick(wanted, chunk: chunk, except: passed) {
            let slab = await station.intake.take(piece.length)
            if try await attempt(source, [piece], [wanted], slab, waits: false) == [.right] { return slab }
            passed.insert(source)
            try stopIfCancelled(wanted)
        }
        throw try await whyNot(wanted, chunk: chunk)
    }

    enum Arrival { case right, absent, wrong }

    /// Loads pieces from one source into a slab, which is of no more use when all are absent, and hashes each.
    func attempt(
        _ source: Rank, _ pieces: [Piece], _ wanted: [Wanted], _ slab: Slab, waits: Bool
    ) async throws(Failure) -> [Arrival] {
        let run = ChunkRun(pieces, waits: waits)
        busy[source, default: 0] += 1
        defer { busy[source, default: 1] -= 1 }
        let states: [PieceState]
        do throws(LinkError) {
            states = try await station.link.load(
                run, from: source, into: slab, timeoutMilliseconds: station.settings.loadMilliseconds)
        } catch {
            if error == .closed { throw Failure(.stopped, [], error.reason) }
            silent.insert(source)
            return pieces.map { _ in .absent }
        }
        let ids = zip(pieces, wanted).map { $1.manifest.chunks[$0.chunk] }
        let offsets = run.offsets
        let sent = pieces.indices.filter { states[$0] == .sent }
        let found = await station.digesting.digests(
            of: sent.map { UnsafeRawBufferPointer(slab.slice(offsets[$0], pieces[$0].length)) })
        var arrivals = [Arrival](repeating: .absent, count: pieces.count)
        for (i, id) in zip(sent, found) { arrivals[i] = id == ids[i] ? .right : .wrong }
        let moved = zip(pieces, states).reduce(0) { $1.1 == .sent ? $0 + $1.0.length : $0 }
        if source != station.rank { meter.add(moved: moved) }
        for (i, arrival) in arrivals.enumerated() where arrival == .wrong {
            doubt(source, wanted[i].content, pieces[i].chunk)
        }
        return arrivals
    }

    private func fromNeighbour(_ rank: Rank, _ piece: Piece, _ wanted: Wanted) async throws(Failure) -> Slab? {
        let end = loop.deadline(inMilliseconds: Sourcing.neighbourPatienceMilliseconds)
        var refusals = 0
        while loop.now < end, refusals < Sourcing.neighbourTries, !silent.contains(rank) {
            try stopIfCancelled(wanted)
            let asked = loop.now
            let slab = await station.intake.take(piece.length)
            switch try await attempt(rank, [piece], [wanted], slab, waits: true)[0] {
            case .right: return slab
            case .wrong: return nil
            case .absent: break
            }
            if loop.now - asked < Sourcing.promptAnswer { refusals += 1 }
            await loop.sleep(milliseconds: Sourcing.neighbourPauseMilliseconds)
        }
        return nil
    }

    private func pick(_ wanted: Wanted, chunk: Int, except passed: Set<Rank>) async throws(Failure) -> Rank? {
        if let predecessor, passed.isEmpty, !silent.contains(predecessor) { return predecessor }
        let unusable = passed.union(silent).union(wrongSources(of: wanted.content, chunk))
        let peer = (peers[wanted.content] ?? [:])
            .filter { $0.value.contains(chunk) && !unusable.contains($0.key) }
            .map(\.key)
        if let best = leastBusy(peer, chunk) { return best }
        let keepers = try await keepers(of: wanted.content)
            .filter { $0.extent.contains(chunk) && !unusable.contains($0.rank) }.map(\.rank)
        return keepers.contains(station.rank) ? station.rank : leastBusy(keepers, chunk)
    }

    /// Among equals, ranks and chunks choose differently, so that nobody is everybody's first choice.
    private func leastBusy(_ ranks: [Rank], _ chunk: Int) -> Rank? {
        let turn = station.rank.number + chunk
        return ranks.sorted().enumerated().min { x, y in
            let a = (busy[x.element] ?? 0, (x.offset + turn) % ranks.count)
            let b = (busy[y.element] ?? 0, (y.offset + turn) % ranks.count)
            return a < b
        }?.element
    }

    private func keepers(of content: ContentID) async throws(Failure) -> [(rank: Rank, extent: Extent)] {
        if let known = holders[content] { return known }
        let catalogue = station.catalogue
        let found = try await station.work { () throws(Failure) in try catalogue.holders(of: content) }
        var keepers: [(rank: Rank, extent: Extent)] = []
        for store in found.complete {
            if let rank = station.roster.rank(ofStore: store) { keepers.append((rank, .complete)) }
        }
        for part in found.parts {
            if let rank = station.roster.rank(ofStore: part.store) { keepers.append((rank, .part(part.chunks))) }
        }
        // A data server that lacks something does not ask itself, whatever the catalogue says.
        if isForOwnStore { keepers.removeAll { $0.rank == station.rank } }
        holders[content] = keepers
        return keepers
    }

    private func wrongSources(of content: ContentID, _ chunk: Int) -> [Rank] {
        (wrong[content] ?? [:]).filter { $0.value.contains(chunk) }.map(\.key)
    }

    /// Tells a source once for each content.
    private func doubt(_ source: Rank, _ content: ContentID, _ chunk: Int) {
        let isKnown = wrong[content]?[source] != nil
        wrong[content, default: [:]][source, default: BitSet()].insert(chunk)
        let station = station
        if isKnown { return }
        loop.start { _ = try? await station.ask(.doubt([content]), at: source) }
    }

    private func stopIfCancelled(_ wanted: Wanted) throws(Failure) {
        if stop.isSet || Task.isCancelled { throw Failure(.stopped, wanted.name, "stopped") }
    }

    /// Lost is only what nobody can have any more: a store that is silent, or not in this run, may still have it.
    private func whyNot(_ wanted: Wanted, chunk: Int) async throws(Failure) -> Failure {
        let keepers = try await keepers(of: wanted.content).filter { $0.extent.contains(chunk) }.map(\.rank)
        let start = wanted.manifest.offset(of: chunk)
        let range = "bytes \(start)–\(start + Int64(wanted.manifest.length(of: chunk)) - 1)"
        func nodes(_ ranks: [Rank]) -> String { ranks.map(station.roster.node).joined(separator: ", ") }
        let mute = keepers.filter(silent.contains)
        if !mute.isEmpty {
            return Failure(.unreachable, wanted.name, "\(range) could not be had from \(nodes(mute)): no answer")
        }
        let away = try await absentKeepers(of: wanted.content, chunk: chunk).joined(separator: ", ")
        if !away.isEmpty {
            return Failure(.unreachable, wanted.name, "\(range) are kept only by \(away), not in this run")
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
