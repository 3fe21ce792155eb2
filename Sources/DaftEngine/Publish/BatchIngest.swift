// The part of a staging that ingests one batch into stores, then places the files or discards them.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct BatchIngest: Sendable {
    /// The result for one file.
    struct Taken: Sendable {
        /// Nil if it is not to be published.
        var kept: Kept?
        var failures: [Failure] = []
        /// Copies of a file that is not published; their data servers may discard them.
        var leftover: Kept?

        static func failed(_ failure: Failure) -> Taken { Taken(failures: [failure]) }
    }

    /// An ingested file that has no published name yet.
    struct Kept: Sendable {
        let named: NamedEntry
        let content: ContentID
        let manifest: Manifest
        let holdings: [StoreExtent]
        let keepers: [Member]
        /// Set if the file is split over several stores.
        let key: Digest?
        /// Identifies the unchanged source on the next run.
        let identity: SourceIdentity?
    }

    private let session: Session
    private let files: [StagedFile]
    private let assignment: any Assignment
    private let chunkSize: ChunkSize

    private var station: Station { session.station }

    init(_ session: Session, _ files: [StagedFile], _ assignment: any Assignment) {
        self.session = session
        self.files = files
        self.assignment = assignment
        chunkSize = session.station.settings.chunkSize
    }

    /// Ingests all files; results are in order. `moved`: bytes sent over the link.
    func run() async -> (files: [Taken], moved: Int64) {
        if files.isEmpty { return ([], 0) }
        let shares = assignment.assign(files)
        let offer = station.offers.make(files.map(\.info), chunkSize: chunkSize, session.throttle)
        defer { station.offers.withdraw(offer) }
        var results: [Int: [(share: Share, outcome: Ingested)]] = [:]
        var moved: Int64 = 0
        let perMember = Dictionary(grouping: shares) { $0.member.rank }
        let orders = perMember.values.compactMap { shares in shares.first.map { ($0.member, shares) } }
            .sorted { $0.0.rank < $1.0.rank }
        let isCopied = assignment.isForAll
        let cut = isCopied ? [] : Set(Dictionary(grouping: shares, by: \.file).filter { $0.value.count > 1 }.keys)
        await station.loop.inOrder(width: orders.count, over: orders) { [self] member, shares in
            (shares, await ingest(shares, cut, at: member, offer))
        } take: { shares, ingested in
            let (outcomes, bytes) = ingested
            moved += bytes
            for (share, outcome) in zip(shares, outcomes) { results[share.file, default: []].append((share, outcome)) }
        }
        let taken = files.indices.map { index in
            let parts = results[index] ?? []
            return isCopied ? copied(index, parts) : joined(index, parts, isCut: cut.contains(index))
        }
        return (await settled(taken), moved)
    }

    /// Tells each holder of a part which content it belongs to. Before publication: a data server that died in between
    /// would not know at its next start that it has what the catalogue records.
    private func settled(_ taken: [Taken]) async -> [Taken] {
        var orders: [Rank: [Settled]] = [:]
        for kept in taken.compactMap(\.kept) {
            guard let key = kept.key else { continue }
            let part = Settled(key: key, content: kept.content, manifest: kept.manifest)
            for keeper in kept.keepers { orders[keeper.rank, default: []].append(part) }
        }
        var failed: [ContentID: Failure] = [:]
        let list = orders.sorted { $0.key < $1.key }
        await station.loop.inOrder(width: list.count, over: list) { [session] rank, parts in
            (parts, await session.carryOut(.settle(parts), at: rank))
        } take: { parts, result in
            if let failure = result.placed.failures.first { for part in parts { failed[part.content] = failure } }
        }
        return zip(files, taken).map { file, one in
            guard let kept = one.kept, kept.key != nil, let failure = failed[kept.content] else { return one }
            return .failed(about(failure, file))
        }
    }

    private func ingest(
        _ shares: [Share], _ cut: Set<Int>, at member: Member, _ offer: UInt64
    ) async -> (files: [Ingested], moved: Int64) {
        let wanted = shares.map { share in
            let info = files[share.file].info
            return IngestFile(
                info: info, key: sourceKey(info, host: station.settings.host, chunkSize),
                span: Span(file: share.file, first: share.chunks.lowerBound, count: share.chunks.count),
                isPart: cut.contains(share.file), publishedContent: files[share.file].publishedContent)
        }
        let order = Ingest(
            offer: Offer(rank: station.rank, number: offer),
            isHere: assignment.isReadEverywhere || member.store.host == station.settings.host,
            chain: assignment.chain(for: files), chunkSize: chunkSize, limit: session.throttle?.rate, files: wanted)
        let result = await session.stopwatch.time(member, on: station.loop) {
            await session.carryOut(.ingest(order), at: member.rank, whole: order.whole)
        }
        switch result {
        case .success(let ingested): return ingested
        case .failure(let failure): return (shares.map { .failed(about(failure, files[$0.file])) }, 0)
        }
    }

    /// Combines the outcomes of a file's shares.
    private func joined(_ index: Int, _ parts: [(share: Share, outcome: Ingested)], isCut: Bool) -> Taken {
        let file = files[index]
        if parts.isEmpty {
            return .failed(Failure(.noSpace, file.info.path, "no data server has room for \(file.info.size) bytes"))
        }
        for case (_, .failed(let failure)) in parts { return .failed(about(failure, file)) }
        if !isCut, let part = parts.first, case .whole(let id, let manifest) = part.outcome {
            let member = part.share.member
            return Taken(kept: kept(file, id, manifest, [StoreExtent(store: member.number, .complete)], [member], nil))
        }
        var ids: [ChunkID] = []
        var holdings: [StoreExtent] = []
        for (share, outcome) in parts.sorted(by: { $0.share.chunks.lowerBound < $1.share.chunks.lowerBound }) {
            if case .part(let some) = outcome { ids += some }
            holdings.append(StoreExtent(store: share.member.number, .part(BitSet(share.chunks))))
        }
        guard ids.count == chunkSize.count(of: file.info.size) else {
            return .failed(Failure(.noSpace, file.info.path, "no data server has room for all of it"))
        }
        let manifest = Manifest(size: file.info.size, chunkSize: chunkSize, chunks: ids)
        let key = sourceKey(file.info, host: station.settings.host, chunkSize)
        return Taken(
            kept: kept(file, manifest.contentID, manifest, holdings, parts.map(\.share.member), key))
    }

    /// The result for a file of which every data server gets a copy: published as soon as one has it, unless it changed
    /// while it was read.
    private func copied(_ index: Int, _ parts: [(share: Share, outcome: Ingested)]) -> Taken {
        let file = files[index]
        var failures: [Failure] = []
        var keepers: [Member] = []
        var found: (id: ContentID, manifest: Manifest)?
        for (share, outcome) in parts {
            switch outcome {
            case .failed(let failure): failures.append(about(failure, file))
            case .whole(let id, let manifest) where found == nil || found?.id == id:
                found = (id, manifest)
                keepers.append(share.member)
            default: failures.append(about(Failure(.changed, [], "changed while it was read; not published"), file))
            }
        }
        let distinct = distinct(failures, of: parts.count)
        guard let found else { return Taken(failures: distinct) }
        let holdings = keepers.map { StoreExtent(store: $0.number, .complete) }
        let copies = kept(file, found.id, found.manifest, holdings, keepers, nil)
        let hasChanged = failures.contains { $0.kind == .changed }
        return hasChanged ? Taken(failures: distinct, leftover: copies) : Taken(kept: copies, failures: distinct)
    }

    /// A failure common to all servers is reported once.
    private func distinct(_ failures: [Failure], of count: Int) -> [Failure] {
        if let changed = failures.first(where: { $0.kind == .changed }) { return [changed] }
        guard let first = failures.first, failures.count == count,
            failures.allSatisfy({ $0.kind == first.kind && $0.reason == first.reason })
        else { return failures }
        return [first]
    }

    private func kept(
        _ file: StagedFile, _ content: ContentID, _ manifest: Manifest, _ holdings: [StoreExtent], _ keepers: [Member],
        _ key: Digest?
    ) -> Kept {
        Kept(
            named: file.named(content), content: content, manifest: manifest, holdings: holdings, keepers: keepers,
            key: key, identity: file.identity)
    }

    /// The failure with the file as subject, unless the whole store is gone.
    private func about(_ failure: Failure, _ file: StagedFile) -> Failure {
        if failure.kind == .gone { return failure }
        if failure.kind == .taken { return Failure(.taken, file.name, failure.reason) }
        return Failure(failure.kind, file.info.path, node: failure.node, failure.reason)
    }

    // MARK: placement and discard

    /// Places admitted files and discards refused ones. A `known` name may have been replaced in a store since: such a
    /// file is set aside with a warning.
    static func conclude(
        _ session: Session, _ admitted: [Kept], _ refused: [Kept], _ known: Set<Name>, _ warnings: inout [Failure]
    ) async -> [Failure] {
        let station = session.station
        var orders: [Rank: [TypedOrder<Placed>]] = [:]
        func collect(_ all: [Kept], _ order: ([Kept]) -> TypedOrder<Placed>) {
            let pairs = all.flatMap { kept in kept.keepers.map { ($0.rank, kept) } }
            for (rank, some) in Dictionary(grouping: pairs, by: \.0) {
                orders[rank, default: []].append(order(some.map(\.1)))
            }
        }
        let placed = admitted.filter { $0.key == nil }
        collect(placed.filter { !known.contains($0.named.name) }) { .place($0.map(\.named)) }
        collect(placed.filter { known.contains($0.named.name) }) { .restore($0.map(\.named)) }
        collect(admitted.filter { $0.key != nil }) { .note($0.map(\.named)) }
        collect(refused) { .discard($0.map(\.content)) }
        var failures: [Failure] = []
        let list = orders.sorted { $0.key < $1.key }
        await station.loop.inOrder(width: list.count, over: list) { rank, orders in
            var all: [Placed] = []
            for order in orders { all.append(await session.carryOut(order, at: rank).placed) }
            return all
        } take: { all in
            failures += all.flatMap(\.failures)
            warnings += all.flatMap(\.warnings)
        }
        return failures
    }
}
