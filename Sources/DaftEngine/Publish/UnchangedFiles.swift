// Finds the files of a batch that need not be read, moved, published or placed again.
//
//   1. A data server of this node remembers sources by identity, with their contents.
//   2. The catalogue has the same entry at the name, kept by the wanted holders, with as many copies wanted.
//   3. Each holder confirms that its file is in place and intact.
//
// A file that fails any step goes the usual way, which checks and mends everything.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct UnchangedFiles: Sendable {
    private let session: Session
    private let assignment: any Assignment
    private let members: [Member]
    private let rereads: Bool
    private let host: Member?

    private var station: Station { session.station }

    /// `members` are the wanted holders. `rereads`: treat every file as changed.
    init(_ session: Session, _ assignment: any Assignment, members: [Member], rereads: Bool) {
        self.session = session
        self.assignment = assignment
        self.members = members
        self.rereads = rereads
        let here = session.station.roster.members.filter {
            $0.isAlive && $0.store.host == session.station.settings.host
        }
        host = here.min { $0.rank < $1.rank }
    }

    /// The batch without unchanged entries, and the unchanged files.
    func partition(_ batch: PublishJob.Batch) async -> (rest: PublishJob.Batch, known: [StagedFile]) {
        let contents = rereads ? [] : await contents(of: batch.files)
        let files = zip(batch.files, contents).compactMap { file, content in content.map { file.named($0) } }
        let symlinks = batch.others.filter { if case .symlink = $0.entry.kind { true } else { false } }
        let unchanged = await unchanged(among: files + symlinks)
        if unchanged.isEmpty { return (batch, []) }
        var rest = batch
        let known = batch.files.filter { unchanged.contains($0.name) }
        rest.files.removeAll { unchanged.contains($0.name) }
        rest.others.removeAll { unchanged.contains($0.name) }
        session.commandProgress.note(
            files: known.count, bytes: known.reduce(0) { $0 + $1.info.size }, copies: members.count)
        return (rest, known)
    }

    /// Files that differ from the published entry in size or mtime, or are not kept as wanted.
    func new(among files: [StagedFile]) async -> [StagedFile] {
        if rereads { return files }
        let catalogue = station.catalogue
        // If the catalogue cannot be read, all files are read; publishing them reports the error.
        let entries = try? await station.work { () throws(Failure) in
            try catalogue.snapshot { (snapshot) throws(Failure) in
                try files.map { file throws(Failure) -> NamedEntry? in
                    guard let entry = try snapshot.entry(file.name), let content = entry.content,
                        entry.mtime == file.found.mtime, try snapshot.size(of: content)?.bytes == file.info.size
                    else { return nil }
                    return NamedEntry(file.name, entry)
                }
            }
        }
        let unchanged = await unchanged(among: entries?.compactMap(\.self) ?? [])
        return files.filter { !unchanged.contains($0.name) }
    }

    /// Remembers the identities of admitted files for the next run.
    func remember(_ kept: [BatchIngest.Kept]) async {
        let sources = kept.compactMap { kept in kept.identity.map { KnownSource($0, kept.content) } }
        guard let host, !sources.isEmpty else { return }
        // A failure only means that the files are read again next time.
        _ = await station.carryOut(.remember(sources), at: host.rank)
    }

    private func contents(of files: [StagedFile]) async -> [ContentID?] {
        let asked = files.compactMap(\.identity)
        guard let host, !asked.isEmpty,
            case .success(let found) = await station.carryOut(.recognise(asked), at: host.rank)
        else { return [] }
        var answers = found.makeIterator()
        return files.map { $0.identity == nil ? nil : answers.next()?.content }
    }

    private func unchanged(among entries: [NamedEntry]) async -> Set<Name> {
        if entries.isEmpty { return [] }
        let catalogue = station.catalogue
        // Likewise: no file counts as unchanged, and all are read.
        let found = try? await station.work { () throws(Failure) in try catalogue.entryHolders(entries) }
        guard let found else { return [] }
        var isUnchanged = [Bool](repeating: false, count: entries.count)
        var asked: [Rank: [Int]] = [:]
        for (index, known) in found.enumerated() {
            guard let known, let keepers = keepers(of: entries[index], known) else { continue }
            isUnchanged[index] = true
            for keeper in keepers { asked[keeper.rank, default: []].append(index) }
        }
        let list = asked.sorted { $0.key < $1.key }
        await station.loop.inOrder(width: max(1, list.count), over: list) { [station] rank, indices in
            (indices, await station.carryOut(.inspect(indices.map { entries[$0] }), at: rank))
        } take: { indices, result in
            var right = BitSet()
            if case .success(let some) = result { right = some }
            for (position, index) in indices.enumerated() where !right.contains(position) { isUnchanged[index] = false }
        }
        return Set(zip(entries, isUnchanged).filter(\.1).map(\.0.name))
    }

    /// The members that must confirm the entry; nil if the catalogue shows that work remains.
    private func keepers(of named: NamedEntry, _ known: EntryHolders) -> [Member]? {
        guard named.entry.content != nil else {
            return assignment.copies == .everywhere && known.copies != .everywhere ? nil : members
        }
        if known.copies < assignment.copies { return nil }
        let complete = members.filter { known.holders.complete.contains($0.number) }
        if assignment.room == nil { return complete.count == members.count ? members : nil }
        if !complete.isEmpty { return complete }
        // Split over several stores, which hold no file for it.
        var chunks = BitSet()
        for member in members { chunks.formUnion(known.holders.extent(of: member.number).chunks(of: known.chunks)) }
        return chunks.containsAll(below: known.chunks) ? [] : nil
    }
}

extension StagedFile {
    func named(_ content: ContentID) -> NamedEntry {
        NamedEntry(name, Entry(.file(content), mode: found.mode, mtime: found.mtime))
    }
}
