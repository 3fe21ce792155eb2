// The metadata server creates missing copies by orders to data servers.
//
//   1. List the data servers present and their free space.
//   2. Page through the contents: the plan assigns missing chunks to data servers.
//   3. Send the assignments as orders, to all data servers at once, some thousand contents at a time.
//   4. If something failed and something else succeeded, repeat with the data servers then present.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire

actor RepairJob {
    /// The contents that a repair covers.
    enum Scope: Sendable {
        case everything
        case below([Name])
        /// The contents of this store, which is about to leave.
        case leaving(Int)
    }

    private static let page = 1_000
    private static let plannedContents = 2_000
    private static let plannedBytes: Int64 = 4 << 30
    private static let orderedContents = 256
    private static let mostPasses = 5
    private static let mostFailures = 1_000

    private let station: Station
    private nonisolated let loop: any Loop
    private let scope: Scope
    private let progressCounter: ProgressCounter
    /// Stores that are away and expected back: their copies count.
    private let expected: BitSet
    private var plan = RepairPlan([], sources: BitSet(), counted: BitSet())
    private var servers: [Member] = []
    private var counted = BitSet()
    private var planned: [Int: [(item: MissingContent, bytes: Int64)]] = [:]
    private var plannedCount = 0
    private var plannedBytes: Int64 = 0
    private var seen: Set<ContentID> = []
    private var result = Repaired()
    private var omitted = 0
    private var mostWanted = 1
    /// Stores that lacked files of a broadcast.
    private var gained: Set<Int> = []

    init(_ station: Station, _ scope: Scope, expected: BitSet = BitSet(), progressCounter: ProgressCounter) {
        self.station = station
        self.scope = scope
        self.expected = expected
        self.progressCounter = progressCounter
        loop = station.loop
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func run() async -> Repaired {
        for _ in 0..<RepairJob.mostPasses {
            let before = result.copies
            (result.failures, result.warnings, omitted, mostWanted) = ([], [], 0, 1)
            seen = []
            do throws(Failure) { try await pass() } catch { result.failures.append(error) }
            if result.failures.isEmpty || result.copies == before || Task.isCancelled { break }
        }
        do throws(Failure) { try await placeOthers() } catch { result.failures.append(error) }
        if omitted > 0 { result.failures.append(Failure(.failed, [], "and \(omitted) more of the kind")) }
        if mostWanted > servers.count {
            let there = "\(servers.count) data server\(servers.count == 1 ? "" : "s")"
            result.warnings.append(
                Failure(.missing, [], "\(mostWanted) copies are wanted, and there are \(there): as many are made"))
        }
        return result
    }

    // MARK: one pass

    private func pass() async throws(Failure) {
        try await refreshServers()
        switch scope {
        case .everything:
            var start: Int? = 0
            while let from = start, !Task.isCancelled {
                let catalogue = station.catalogue
                let among = counted
                let page = try await station.work { () throws(Failure) in
                    try catalogue.lacking(from: from, limit: RepairJob.page, among: among)
                }
                for content in page.contents { try await add(content) }
                start = page.next
            }
        case .below(let names):
            for name in names {
                try await station.eachEntry(below: name) { (page) async throws(Failure) in
                    try await add(page.compactMap(\.entry.content).filter { seen.insert($0).inserted })
                }
            }
        case .leaving(let store):
            var pages = station.pages(by: \.content) { [catalogue = station.catalogue] last throws(Failure) in
                try catalogue.holdings(of: store, after: last, limit: RepairJob.page)
            }
            while !Task.isCancelled, let page = try await pages.next() {
                for one in page { try await add([one.content], only: one.extent) }
            }
        }
        await carryOut()
        if Task.isCancelled { throw Failure(.stopped, [], "stopped") }
    }

    private func refreshServers() async throws(Failure) {
        let there = try await station.refreshRoster().filter(\.isAlive)
        var leaving: Int?
        if case .leaving(let store) = scope { leaving = store }
        var free: [RepairPlan.Server] = []
        servers = []
        let staying = there.filter { $0.number != leaving }
        let spaces = await station.spaces(of: staying.map(\.rank))
        for member in staying {
            // A server that does not report free space gets nothing.
            guard let space = spaces[member.rank] else { continue }
            servers.append(member)
            free.append(RepairPlan.Server(store: member.number, host: member.store.host, free: space.free))
        }
        var sources = BitSet(there.map(\.number))
        counted = expected
        counted.formUnion(BitSet(servers.map(\.number)))
        if let leaving { counted.remove(leaving) }
        sources.formUnion(BitSet(leaving.map { [$0] } ?? []))
        plan = RepairPlan(free, sources: sources, counted: counted)
    }

    private func add(_ contents: [ContentID], only extent: Extent? = nil) async throws(Failure) {
        let catalogue = station.catalogue
        let found = try await station.work { () throws(Failure) in
            var found: [CopiedContent] = []
            for content in contents {
                if let one = try catalogue.copied(content) { found.append(one) }
            }
            return found
        }
        for one in found { try await add(one, only: extent) }
    }

    private func add(_ content: CopiedContent, only extent: Extent? = nil) async throws(Failure) {
        let manifest = content.manifest
        let count = manifest.chunks.count
        let holes = BitSet(
            manifest.chunks.indices.filter { manifest.chunks[$0] == zeroChunkID(length: manifest.length(of: $0)) })
        let keepers =
            content.holders.complete.map { StoreExtent(store: $0, .complete) }
            + content.holders.parts.map { StoreExtent(store: $0.store, .part($0.chunks)) }
        let decision = plan.decide(
            RepairPlan.Content(
                id: content.id, manifest: manifest, copies: content.copies, keepers: keepers, holes: holes,
                only: extent?.chunks(of: count)))
        if case .atLeast(let wanted) = content.copies { mostWanted = max(mostWanted, wanted) }
        if !decision.unavailable.isEmpty || decision.hasNoRoom { try await note(decision, content) }
        for copy in decision.copies {
            if content.copies == .everywhere { gained.insert(copy.store) }
            let item = MissingContent(content.id, Extent(copy.chunks, of: count))
            planned[copy.store, default: []].append((item, copy.bytes))
            progressCounter.expect(bytes: copy.bytes, files: 1)
            plannedCount += 1
            plannedBytes += copy.bytes
        }
        if plannedCount >= RepairJob.plannedContents || plannedBytes >= RepairJob.plannedBytes { await carryOut() }
    }

    private func note(_ decision: RepairPlan.Decision, _ content: CopiedContent) async throws(Failure) {
        let (catalogue, there) = (station.catalogue, Set(servers.map(\.number)))
        let (names, stores) = try await station.work { () throws(Failure) in
            (try catalogue.names(of: content.id), try catalogue.stores())
        }
        guard let name = names.first else { return }
        if decision.hasNoRoom { fail(Failure(.noSpace, name, "no data server has room for one more copy")) }
        guard let chunk = decision.unavailable.first(from: 0) else { return }
        let away = stores.filter { !there.contains($0.number) && content.holders.extent(of: $0.number).contains(chunk) }
            .map { "\($0.info.host):\(shown($0.info.path))" }.joined(separator: ", ")
        let what = "\(decision.unavailable.count) of \(content.manifest.chunks.count) chunks"
        fail(
            away.isEmpty
                ? Failure(.corrupt, name, "\(what) are kept by no data server: lost; put it again")
                : Failure(.unreachable, name, "\(what) are kept only by \(away), which is away"))
    }

    private func fail(_ failure: Failure) {
        if result.failures.count < RepairJob.mostFailures { result.failures.append(failure) } else { omitted += 1 }
    }

    // MARK: orders

    /// Places directories and symlinks of broadcasts at stores that lacked some of the files, since these entries have
    /// no copies to count. Directories come again at the end, because placing entries changes their parents' mtimes.
    private func placeOthers() async throws(Failure) {
        let members = servers.filter { gained.contains($0.number) }
        for isLast in members.isEmpty ? [] : [false, true] {
            var pages = station.pages(by: \.name) { [catalogue = station.catalogue] last throws(Failure) in
                try catalogue.everywhere(after: last, limit: RepairJob.page)
            }
            while !Task.isCancelled, let page = try await pages.next() {
                let entries = isLast ? page.filter(\.entry.isDirectory) : page
                await loop.inOrder(width: members.count, over: members) { [station] member in
                    await station.carryOut(.place(entries), at: member.rank)
                } take: { result in
                    for failure in result.placed.failures { fail(failure) }
                }
            }
        }
    }

    private func carryOut() async {
        let lists = planned.sorted { $0.key < $1.key }
        (planned, plannedCount, plannedBytes) = ([:], 0, 0)
        let members = servers
        await loop.inOrder(width: max(1, lists.count), over: lists) { [self] store, items in
            guard let member = members.first(where: { $0.number == store }) else { return }
            for start in stride(from: 0, to: items.count, by: RepairJob.orderedContents) {
                if Task.isCancelled { return }
                await order(Array(items[start..<min(items.count, start + RepairJob.orderedContents)]), of: member)
            }
        } take: { _ in
        }
    }

    private func order(_ items: [(item: MissingContent, bytes: Int64)], of member: Member) async {
        let bytes = items.reduce(Int64(0)) { $0 + $1.bytes }
        let counted = Counted(progressCounter)
        let replicate = Replicate(items.map(\.item), state: station.catalogue.head.state)
        let replicated = await station.carryOut(.replicate(replicate), at: member.rank) { progress in
            counted.note(bytes: min(progress.bytes, bytes), files: min(progress.files, Int64(items.count)))
        }
        counted.note(bytes: bytes, files: Int64(items.count))
        switch replicated {
        case .success(let fetched):
            result.copies += fetched.files
            result.moved += fetched.moved
            result.bytes += fetched.failures.isEmpty ? bytes : 0
            for failure in fetched.failures { fail(failure) }
        case .failure(let failure): fail(failure)
        }
    }
}
