// Publishes local files: the main loop of put, diffuse and bcast of local paths.
//
//   1. Walk the sources; each batch of some hundred entries goes through these steps, several batches at once.
//   2. Assign the files to data servers. Each reads its files itself if it is on this node, else pulls them from here,
//      and ingests them without names.
//   3. Publish the batches in walk order: the metadata server admits or refuses each name.
//   4. Stores place admitted files and discard refused ones.
//   5. Finally set the modes and mtimes of directories, which placing files has changed.

import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire

/// Which data servers get which chunks of a batch.
protocol Assignment: Sendable {
    func assign(_ files: [StagedFile]) -> [Share]
    /// Whether every data server gets every whole file.
    var isForAll: Bool { get }
    /// Whether every node sees the sources at the same paths.
    var isReadEverywhere: Bool { get }
    /// Free space per node, when placement may choose; nil if the targets are fixed and must have room.
    var room: FreeSpace? { get }
    /// The chain along which members share the files; nil: each gets them by itself.
    func chain(for files: [StagedFile]) -> Chain?
    /// The number of copies to keep.
    var copies: Copies { get }
}

extension Assignment {
    var isForAll: Bool { false }
    var isReadEverywhere: Bool { false }
    var room: FreeSpace? { nil }
    func chain(for files: [StagedFile]) -> Chain? { nil }
}

/// A range of chunks of one file of a batch, for one data server. A file that fits nowhere has none.
struct Share: Sendable {
    let file: Int
    let chunks: Range<Int>
    let member: Member
}

struct StagedFile: Sendable {
    let name: Name
    let found: WalkedEntry
    let info: SourceFileInfo
    /// Nil if the file could change without its identity changing.
    let identity: SourceIdentity?
    /// The content published at its name, if any.
    var publishedContent: ContentID?
}

struct PublishJob: Sendable {
    private static let batchFinds = 512
    private static let batchesUnderWay = 3
    private static let placedAtOnce = 1_000

    let session: Session
    let assignment: any Assignment
    /// Members that get the directories and symlinks.
    let members: [Member]
    private let notifier: CatalogueNotifier
    private let recognition: UnchangedFiles

    private let walking: WalkOptions
    private let preview: Preview?

    init(
        _ session: Session, _ assignment: any Assignment, members: [Member], _ options: StagingOptions,
        _ list: PathList?, _ preview: Preview?
    ) {
        self.session = session
        self.assignment = assignment
        self.members = members
        self.preview = preview
        var walking = WalkOptions()
        walking.dereference = options.dereference
        (walking.selection.rules, walking.selection.list) = (options.rules, list)
        self.walking = walking
        recognition = UnchangedFiles(session, assignment, members: members, rereads: options.checksum)
        notifier = CatalogueNotifier(from: session)
    }

    private var station: Station { session.station }

    struct Batch: Sendable {
        var files: [StagedFile] = []
        var others: [NamedEntry] = []
        var report = Report()
        var links = OutgoingLinks()
        /// The ticket of its space reservation.
        var ticket: Int?
    }

    func run(_ sources: [(path: [UInt8], name: Name)]) async -> Report {
        var report = Report()
        var state: State = 0
        let spaceCheck = await spaceCheck()
        for source in sources where spaceCheck.refusals.isEmpty {
            let staged = await stage(source.path, as: source.name, spaceCheck)
            report.merge(staged.report)
            let hasNoRoom = staged.report.files == 0 && !spaceCheck.refusals.isEmpty
            if staged.report.isOfUse, !hasNoRoom { report.names.append(source.name) }
            state = max(state, staged.state)
        }
        report.failures = report.failures.withoutRepeatedLosses + spaceCheck.refusals
        if state > 0 { await notifier.spread(state) }
        return report
    }

    private func spaceCheck() async -> SpaceCheck {
        let catalogue = station.catalogue
        if let room = assignment.room { return SpaceCheck(room, catalogue, isSpread: true, needsAll: false) }
        let room = await session.room(at: members)
        return SpaceCheck(room, catalogue, isSpread: false, needsAll: station.settings.needsRoomEverywhere)
    }

    /// Publishes one source; returns the catalogue state of its last publication.
    private func stage(
        _ path: [UInt8], as name: Name, _ spaceCheck: SpaceCheck
    ) async -> (report: Report, state: State) {
        var report = Report()
        var state: State = 0
        let walk: SourceWalk
        do throws(Failure) {
            let own = await ownStores()
            var walking = walking
            walking.longest = Name.maximumLength - (name.isRoot ? 1 : name.bytes.count + 1)
            walk = try SourceWalk(path, walking) { device, inode in own.contains([device, inode]) }
        } catch {
            return (.failed(error.at(station.settings.host)), 0)
        }
        var directories: [NamedEntry] = []
        var links = OutgoingLinks()
        await station.loop.inOrder(width: PublishJob.batchesUnderWay) {
            if Task.isCancelled { return nil as Batch? }
            let (seen, sightings) = await station.workers.run { (currentTime(), walk.next(PublishJob.batchFinds)) }
            var batch = sort(sightings, below: name, seen)
            let files = batch.files
            batch.ticket = await station.workers.run { spaceCheck.takes(files) }
            return sightings.isEmpty || batch.ticket == nil ? nil : batch
        } work: { batch in
            let (rest, known) = await admitted(await recognition.partition(batch))
            if let ticket = batch.ticket { await station.workers.run { spaceCheck.settle(ticket, rest.files) } }
            var intake: (files: [BatchIngest.Taken], moved: Int64) = ([], 0)
            if preview == nil { intake = await BatchIngest(session, rest.files, assignment).run() }
            return (rest, known, intake)
        } take: { (batch: Batch, known: [StagedFile], intake: (files: [BatchIngest.Taken], moved: Int64)) in
            report.merge(batch.report)
            links.add(batch.links)
            if let preview {
                await show(batch, in: preview, &report)
                return
            }
            report.moved += intake.moved
            report.files += Int64(known.count)
            report.bytes += known.reduce(0) { $0 + $1.info.size }
            let published = await publish(batch, intake.files)
            report.merge(published.report)
            directories += published.directories
            state = max(state, published.state)
            notifier.note(state)
        }
        if let warning = links.warning(of: path) { report.warnings.append(warning.at(station.settings.host)) }
        report.lacking(await finish(directories))
        if Task.isCancelled { report.failures.append(Failure(.stopped, path, "stopped; run it again to go on")) }
        return (report, state)
    }

    /// Without a usable catalogue, leave the decision to the metadata server.
    private func admitted(
        _ partitioned: (rest: Batch, known: [StagedFile])
    ) async -> (rest: Batch, known: [StagedFile]) {
        let admission = Admission(catalogue: station.catalogue)
        let rest = try? await station.work { () throws(Failure) in try admission.withoutConflicts(partitioned.rest) }
        return (rest ?? partitioned.rest, partitioned.known)
    }

    private func sort(_ sightings: [WalkEvent], below root: Name, _ seen: Time) -> Batch {
        var batch = Batch()
        for sighting in sightings {
            switch sighting {
            case .skipped(let failure): batch.report.warnings.append(failure.at(station.settings.host))
            case .failed(let failure): batch.report.failures.append(failure.at(station.settings.host))
            case .found(let found):
                do throws(NameError) {
                    let name = found.relative.isEmpty ? root : try root.appending(found.relative)
                    switch found.kind {
                    case .file(let info): batch.files.append(staged(name, found, info, seen))
                    case .directory: batch.others.append(found.named(name, .directory))
                    case .symlink(let target):
                        batch.links.see(found.relative, target)
                        batch.others.append(found.named(name, .symlink(target)))
                    }
                } catch {
                    let rest = found.kind == .directory ? "; nothing below it is published" : ""
                    let name = (root.isRoot ? [] : root.bytes) + [Name.slash] + found.relative
                    batch.report.failures.append(Failure(.usage, name, error.reason + rest))
                }
            }
        }
        return batch
    }

    private func staged(_ name: Name, _ found: WalkedEntry, _ info: SourceFileInfo, _ seen: Time) -> StagedFile {
        let identity = SourceIdentity(info)
        let margin = station.settings.sourceMarginMilliseconds
        let isSure = found.recordsChanges && identity.isSettled(seen: seen, marginMilliseconds: margin)
        return StagedFile(name: name, found: found, info: info, identity: isSure ? identity : nil)
    }

    /// Reports new files to the preview. A file with the published size and mtime that is kept as wanted counts as
    /// unchanged.
    private func show(_ batch: Batch, in preview: Preview, _ report: inout Report) async {
        let files = await recognition.new(among: batch.files)
        let symlinks = batch.others.filter { !$0.entry.isDirectory }.map {
            PreviewedEntry(name: $0.name, mode: $0.entry.mode, mtime: $0.entry.mtime, size: nil)
        }
        let all =
            symlinks
            + files.map {
                PreviewedEntry(name: $0.name, mode: $0.found.mode, mtime: $0.found.mtime, size: $0.info.size)
            }
        report.files += Int64(files.count)
        report.bytes += files.reduce(0) { $0 + $1.info.size }
        if !all.isEmpty { await preview(all) }
    }

    private func publish(
        _ batch: Batch, _ taken: [BatchIngest.Taken]
    ) async -> (report: Report, directories: [NamedEntry], state: State) {
        var report = Report()
        var ready: [BatchIngest.Kept] = []
        for one in taken {
            report.failures += one.failures
            if let kept = one.kept { ready.append(kept) }
        }
        report.failures += await BatchIngest.conclude(
            session, [], taken.compactMap(\.leftover), [], &report.warnings)
        let entries = batch.others + ready.map(\.named)
        if entries.isEmpty { return (report, [], 0) }
        let contents = ready.map { KeptContent(id: $0.content, manifest: $0.manifest, holdings: $0.holdings) }
        do throws(Failure) {
            let (state, verdicts) = try await verdicts(
                on: Publication(entries: entries, contents: contents, copies: assignment.copies))
            for case .refused(let failure) in verdicts { report.failures.append(failure) }
            let isAdmitted = verdicts.map { if case .refused = $0 { false } else { true } }
            let known = Set(zip(entries, verdicts).filter { $0.1 == .known }.map(\.0.name))
            let others = zip(batch.others, isAdmitted).filter(\.1).map(\.0)
            let decided = zip(ready, isAdmitted.dropFirst(batch.others.count))
            report.lacking(await place(others.filter { !$0.entry.isDirectory }))
            report.lacking(
                await BatchIngest.conclude(
                    session, decided.filter(\.1).map(\.0), decided.filter { !$0.1 }.map(\.0), known, &report.warnings))
            await recognition.remember(decided.filter(\.1).map(\.0))
            for (kept, isIn) in decided where isIn {
                report.files += 1
                report.bytes += kept.manifest.size
                if assignment.isForAll { report.lackingHosts.formUnion(hosts(without: kept)) }
            }
            return (report, others.filter(\.entry.isDirectory), state)
        } catch {
            report.failures.append(error)
            return (report, [], 0)
        }
    }

    private func hosts(without kept: BatchIngest.Kept) -> [String] {
        if kept.keepers.count == members.count { return [] }
        let keepers = Set(kept.keepers.map(\.rank))
        return members.filter { !keepers.contains($0.rank) }.map(\.store.host)
    }

    private func verdicts(
        on publication: Publication
    ) async throws(Failure) -> (state: State, verdicts: [Verdict]) {
        let reply = try await station.ask(
            .publish(publication), at: .metadataServer, timeoutMilliseconds: station.settings.loadMilliseconds)
        guard case .published(let state, let verdicts) = reply, verdicts.count == publication.entries.count else {
            throw station.unexpected(reply, from: .metadataServer)
        }
        return (state, verdicts)
    }

    /// Deepest first: placing an entry changes its parent's mtime.
    private func finish(_ directories: [NamedEntry]) async -> [Failure] {
        let sorted = directories.map { ($0, $0.name.parts.count) }.sorted { $0.1 > $1.1 }.map(\.0)
        var failures: [Failure] = []
        for start in stride(from: 0, to: sorted.count, by: PublishJob.placedAtOnce) {
            failures += await place(Array(sorted[start..<min(sorted.count, start + PublishJob.placedAtOnce)]))
        }
        return failures
    }

    /// Places directories and symlinks in every store of the staging.
    private func place(_ entries: [NamedEntry]) async -> [Failure] {
        if entries.isEmpty { return [] }
        var failures: [Failure] = []
        await station.loop.inOrder(width: members.count, over: members) { [session] member in
            await session.carryOut(.place(entries), at: member.rank)
        } take: {
            failures += $0.placed.failures
        }
        return failures
    }

    /// Identities of the store directories on this node, which a source may contain.
    private func ownStores() async -> Set<[UInt64]> {
        let paths = station.roster.members.filter { $0.store.host == station.settings.host }.map(\.store.path)
        return await station.workers.run { Set(paths.compactMap(directoryIdentity)) }
    }
}

extension Report {
    /// Records nodes on which published entries could not be placed.
    fileprivate mutating func lacking(_ failures: [Failure]) {
        self.failures += failures
        lackingHosts.formUnion(failures.map(\.node))
    }
}

extension WalkedEntry {
    fileprivate func named(_ name: Name, _ kind: Entry.Kind) -> NamedEntry {
        NamedEntry(name, Entry(kind, mode: mode, mtime: mtime))
    }
}
