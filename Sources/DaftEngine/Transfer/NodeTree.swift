// A directory tree of another node, for `gather`: its data server offers it page by page, identifies the chunks of its
// files, and serves their bytes from where they are.

import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire
import Synchronization

final class NodeTree: TreeListing {
    /// Selects paths of a tree.
    typealias Choice = @Sendable (_ relative: [UInt8]) -> Bool

    private static let pagesUnderWay = 2
    private static let questionsUnderWay = 4
    /// Chunks identified per request for a large file.
    private static let window = 8

    private struct State {
        /// By offer (one per page): the number of files still wanted.
        var open: [UInt64: Int] = [:]
        var done: [UInt64] = []
        var warnings: [Failure] = []
        var isAbsent = false
        var order: (task: UInt64, keeping: Task<Void, Never>)?
    }

    let member: Member
    /// As the user typed it: absolute, or relative to the node's store.
    let path: [UInt8]
    let root = OfferedEntry.root
    var title: [UInt8] { path }
    private let session: Session
    private let choice: Choice
    private let number: UInt64
    private let state = Mutex(State())

    private var station: Station { session.station }
    private var host: String { member.store.host }

    init(_ session: Session, _ member: Member, _ path: [UInt8], choosing choice: @escaping Choice = { _ in true }) {
        (self.session, self.member, self.path, self.choice) = (session, member, path, choice)
        number = session.station.offers.freshNumber()
    }

    /// Non-fatal: entries that cannot be gathered.
    var warnings: [Failure] { state.withLock { $0.warnings } }

    /// Whether the path does not exist on the node.
    var isAbsent: Bool { state.withLock { $0.isAbsent } }

    /// Has the tree offered until `end`.
    func begin() async throws(Failure) {
        let offering = OfferOrder(number: number, path: path, chunkSize: station.settings.chunkSize)
        let reply = try await station.ask(
            .order(.offer(offering)), at: member.rank, timeoutMilliseconds: station.settings.loadMilliseconds)
        switch reply {
        case .working(let task, _):
            let keeping = station.loop.start { [self] in await keep(task) }
            state.withLock { $0.order = (task, keeping) }
        case .finished(.failed(let failure)):
            if failure.kind == .missing { state.withLock { $0.isAbsent = true } }
            throw failure.at(host)
        default: throw station.unexpected(reply, from: member.rank)
        }
    }

    func end() async {
        let order = state.withLock { state in
            defer { state.order = nil }
            return state.order
        }
        guard let order else { return }
        order.keeping.cancel()
        // If the request is lost, the order ends because nobody polls it.
        _ = try? await station.ask(.cancel(task: order.task), at: member.rank)
    }

    /// Polls the offering order, which would otherwise be cancelled. A poll that failed is repeated.
    private func keep(_ task: UInt64) async {
        while !Task.isCancelled, !station.isClosed {
            guard let reply = try? await station.ask(.poll(task: task), at: member.rank) else {
                await station.loop.sleep(milliseconds: 200)
                continue
            }
            guard case .working = reply else { return }
        }
    }

    func eachPage(_ body: ([TreeItem], [Failure]) async -> Void) async throws(Failure) {
        try await pages { [self] page in
            await items(of: page)
        } take: {
            await body($0.items, $0.failures)
        }
    }

    /// All entries, from `stat` alone. Includes begin and end.
    func looks() async throws(Failure) -> [OfferedEntry] {
        try await begin()
        var entries: [OfferedEntry] = []
        let end = await Result.of { () async throws(Failure) in
            try await pages {
                $0
            } take: { page in
                leave(page.offer)
                entries += page.entries
            }
        }
        await self.end()
        try end.get()
        return entries
    }

    /// The contents of the wanted files. Includes begin and end.
    func contents() async throws(Failure) -> [(relative: [UInt8], content: ContentID)] {
        try await begin()
        var contents: [(relative: [UInt8], content: ContentID)] = []
        let end = await Result.of { () async throws(Failure) in
            try await eachPage { items, _ in
                for item in items {
                    guard let wanted = item.wanted else { continue }
                    contents.append((item.relative, wanted.content))
                    _ = ended(wanted, nil)
                }
            }
        }
        await self.end()
        try end.get()
        return contents
    }

    /// A failure that came from the node names the node's path.
    func ended(_ wanted: Wanted, _ failure: Failure?) -> Failure? {
        if let offer = wanted.offered?.offer.number { leave(offer) }
        guard let failure, failure.subject == wanted.name.bytes else { return failure }
        return Failure(
            failure.kind, fullPath(of: Array(wanted.name.relative(to: root) ?? [])), node: host, failure.reason)
    }

    private func leave(_ offer: UInt64) {
        state.withLock { state in
            state.open[offer, default: 1] -= 1
            if state.open[offer] == 0 {
                state.open[offer] = nil
                state.done.append(offer)
            }
        }
    }

    // MARK: pages

    /// Prepares several pages at once; `take` gets them in order.
    private func pages<T: Sendable>(
        _ prepare: @escaping @Sendable (OfferedPage) async -> T, take: (T) async -> Void
    ) async throws(Failure) {
        var next: Int? = 0
        var failure: Failure?
        await station.loop.inOrder(width: NodeTree.pagesUnderWay) { () async -> OfferedPage? in
            guard let page = next, !Task.isCancelled else { return nil }
            do throws(Failure) {
                let some = try await ask(page)
                next = some.isLast ? nil : page + 1
                return some
            } catch {
                // A busy node reports a missing path only now.
                if page == 0, error.kind == .missing { state.withLock { $0.isAbsent = true } }
                failure = error.at(host)
                return nil
            }
        } work: {
            await prepare($0)
        } take: {
            await take($0)
        }
        if let failure { throw failure }
    }

    /// Requests a page, twice if the answer is lost; also tells the node which offers are finished.
    private func ask(_ page: Int) async throws(Failure) -> OfferedPage {
        let done = state.withLock { state in
            defer { state.done = [] }
            return state.done
        }
        let question = Request.offered(tree: number, page: page, done: done)
        var reply: Reply
        let patience = station.settings.loadMilliseconds
        do throws(Failure) {
            reply = try await station.ask(question, at: member.rank, timeoutMilliseconds: patience)
        } catch {
            guard error.kind == .unreachable, station.link.ranks.contains(member.rank) else { throw error }
            reply = try await station.ask(question, at: member.rank, timeoutMilliseconds: patience)
        }
        guard case .offered(let some) = reply else { throw station.unexpected(reply, from: member.rank) }
        state.withLock { state in
            state.warnings += some.warnings
            state.open[some.offer] = 1
        }
        return some
    }

    // MARK: contents of files

    private func items(of page: OfferedPage) async -> (items: [TreeItem], failures: [Failure]) {
        var items: [TreeItem] = []
        var files: [(file: Int, entry: OfferedEntry)] = []
        var count = 0
        for entry in page.entries {
            if case .file = entry.kind {
                if choice(entry.relative) { files.append((count, entry)) }
                count += 1
            } else if choice(entry.relative), let kind = entry.kind.published {
                items.append(item(entry, kind, nil))
            }
        }
        state.withLock { $0.open[page.offer, default: 1] += files.count }
        var failures = page.failures
        let mostBytes = Int64(NodeTree.window) * Int64(station.settings.chunkSize.bytes)
        let groups = smallFileGroups(of: files, mostFiles: IngestJob.groupFiles, mostBytes: mostBytes) { file in
            if case .file(let size) = file.entry.kind, size <= IngestJob.smallFile { size } else { nil }
        }
        await station.loop.inOrder(width: NodeTree.questionsUnderWay, over: groups) { [self] group in
            (group, await manifests(of: group, in: page.offer))
        } take: { group, found in
            for ((file, entry), manifest) in zip(group, found) {
                switch manifest {
                case .success(let manifest): items.append(wanted(entry, manifest, file, page.offer))
                case .failure(let failure):
                    failures.append(Failure(failure.kind, fullPath(of: entry.relative), node: host, failure.reason))
                    leave(page.offer)
                }
            }
        }
        leave(page.offer)
        return (items, failures)
    }

    private func fullPath(of relative: [UInt8]) -> [UInt8] {
        relative.isEmpty ? path : path + [Name.slash] + relative
    }

    private func item(_ entry: OfferedEntry, _ kind: Entry.Kind, _ wanted: Wanted?) -> TreeItem {
        let mode = kind.isSymlink ? entry.mode : entry.mode & ~session.umask
        return TreeItem(relative: entry.relative, entry: Entry(kind, mode: mode, mtime: entry.mtime), wanted: wanted)
    }

    private func wanted(_ entry: OfferedEntry, _ manifest: Manifest, _ file: Int, _ offer: UInt64) -> TreeItem {
        let content = manifest.contentID
        // Decoding has checked the name.
        let name = (try? OfferedEntry.name(of: entry.relative)) ?? root
        let wanted = Wanted(
            content: content, manifest: manifest, name: name,
            offered: OfferedFile(offer: Offer(rank: member.rank, number: offer), file: file))
        return item(entry, .file(content), wanted)
    }

    private func manifests(
        of group: [(file: Int, entry: OfferedEntry)], in offer: UInt64
    ) async -> [Result<Manifest, Failure>] {
        let chunkSize = station.settings.chunkSize
        var spans: [Span] = []
        for (file, entry) in group {
            let count = chunkSize.count(of: entry.size)
            for first in stride(from: 0, to: max(count, 1), by: NodeTree.window) {
                spans.append(Span(file: file, first: first, count: min(NodeTree.window, count - first)))
            }
        }
        var ids: [Int: Result<[ChunkID], Failure>] = [:]
        for asked in group.count == 1 ? spans.map({ [$0] }) : [spans] where !Task.isCancelled {
            let answers = await identify(asked, in: offer)
            for (span, answer) in zip(asked, answers) {
                let before = ids[span.file] ?? .success([])
                ids[span.file] = before.flatMap { known in answer.map { known + $0 } }
            }
            if group.count == 1, case .failure = ids[group[0].file] { break }
        }
        return group.map { file, entry in
            (ids[file] ?? .failure(Failure(.stopped, [], "stopped"))).flatMap { ids in
                guard ids.count == chunkSize.count(of: entry.size) else {
                    return .failure(Failure(.stopped, [], "stopped before all of it was read"))
                }
                return .success(Manifest(size: entry.size, chunkSize: chunkSize, chunks: ids))
            }
        }
    }

    private func identify(_ spans: [Span], in offer: UInt64) async -> [Result<[ChunkID], Failure>] {
        do throws(Failure) {
            let answers = try await station.identify(spans, in: Offer(rank: member.rank, number: offer))
            return zip(spans, answers).map { span, answer in
                switch answer {
                case .ids(let ids) where ids.count == span.count: .success(ids)
                case .failed(let failure): .failure(failure)
                default: .failure(Failure(.malformed, [], "the node does not say what it is"))
                }
            }
        } catch {
            return spans.map { _ in .failure(error) }
        }
    }
}

extension OfferedEntry {
    fileprivate var size: Int64 { if case .file(let size) = kind { size } else { 0 } }
}

extension OfferedEntry.Kind {
    /// The kind of an entry that needs no bytes.
    fileprivate var published: Entry.Kind? {
        switch self {
        case .file: nil
        case .directory: .directory
        case .symlink(let target): .symlink(target)
        }
    }
}

extension Entry.Kind {
    fileprivate var isSymlink: Bool { if case .symlink = self { true } else { false } }
}
