// How a partial file begins: of a known content, and of a file whose content is not known yet. Small contents that
// come whole need none: Keeping.swift.

import DaftModel
import Glibc
import Synchronization

extension Store {
    /// Continues a partial that is there; a content that is complete already has everything.
    public func fill(_ content: ContentID, _ manifest: Manifest) throws(Failure) -> PartialFile {
        try locks.withLock([content]) { () throws(Failure) in try fillLocked(content, manifest) }
    }

    /// The caller has the content's lock.
    func fillLocked(_ content: ContentID, _ manifest: Manifest) throws(Failure) -> PartialFile {
        if let partialFile = live.partialFile(content) { return partialFile }
        let have = try recorded { ledger in
            try ledger.known(content).map { try $0.isComplete ? nil : ledger.part($0.number) } ?? BitSet()
        }
        guard let have else { return complete(content, manifest) }
        let place = paths.partial(of: content)
        let (file, isFresh) = try openPartial(place, manifest.size)
        let good = isFresh ? BitSet() : try proven(have, in: file, at: place, ChunkCheck(manifest))
        let partialFile = live.enter(
            PartialFile(
                self, .content(content, manifest), size: manifest.size, chunkSize: manifest.chunkSize, place, file,
                isFresh: isFresh, .init(have: good)))
        trusted.insert(place)
        // Somebody may have completed it, and even named it, since we asked.
        guard let known = try recorded({ try $0.known(content) }), known.isComplete else { return partialFile }
        live.leave(partialFile)
        if isFresh, known.hasNames, let status = try? file.status() { removePartial(place, ofInode: status.inode) }
        return complete(content, manifest)
    }

    private func complete(_ content: ContentID, _ manifest: Manifest) -> PartialFile {
        PartialFile(
            self, .content(content, manifest), size: manifest.size, chunkSize: manifest.chunkSize,
            paths.partial(of: content), nil, isFresh: false, .init(have: BitSet(below: manifest.chunks.count)))
    }

    /// A partial whose content is not known yet; `key` names the source file. A second one of the same key is private.
    public func ingest(_ key: Digest, size: Int64, chunkSize: ChunkSize) throws(Failure) -> PartialFile {
        if live.isIngesting(key) { return try ingestAside(key, size, chunkSize) }
        let chunks = try change { ledger -> [Int: ChunkID] in
            guard let known = try ledger.ingest(key) else { return [:] }
            if known.size == size, known.chunkSize == chunkSize, known.content == nil {
                return try ledger.ingested(known.number)
            }
            try ledger.forgetIngest(known.number)
            return [:]
        }
        let place = paths.ingest(key)
        let (file, isFresh) = try openPartial(place, size)
        let inspection = ChunkCheck(size: size, chunkSize: chunkSize) { chunks[$0] }
        let good = isFresh ? BitSet() : try proven(BitSet(chunks.keys), in: file, at: place, inspection)
        let partialFile = PartialFile(
            self, .ingest(key), size: size, chunkSize: chunkSize, place, file, isFresh: isFresh,
            .init(have: good, ids: chunks.filter { good.contains($0.key) }))
        trusted.insert(place)
        let entered = live.enter(partialFile)
        return entered === partialFile ? partialFile : try ingestAside(key, size, chunkSize)
    }

    private func ingestAside(_ key: Digest, _ size: Int64, _ chunkSize: ChunkSize) throws(Failure) -> PartialFile {
        let place = aside(paths.ingest(key))
        let (file, isFresh) = try openPartial(place, size)
        return PartialFile(
            self, .ingest(nil), size: size, chunkSize: chunkSize, place, file, isFresh: isFresh,
            .init(have: BitSet()))
    }

    /// Those of the recorded chunks that are right. What an earlier run left is read again before anything is added to
    /// it: it ends as a file under a name, and nobody would look at these chunks on the way.
    private func proven(
        _ recorded: BitSet, in file: Descriptor, at place: Location, _ inspection: ChunkCheck
    ) throws(Failure) -> BitSet {
        if recorded.isEmpty || trusted.contains(place) { return recorded }
        do throws(SystemError) {
            return try withChunkBuffer(inspection.chunkSize) { (buffer) throws(SystemError) in
                try inspection.good(in: file, among: recorded, buffer)
            }
        } catch { throw error.failure(paths.shownPath(place)) }
    }

    /// A file that had another size than it should counts as new.
    private func openPartial(_ place: Location, _ size: Int64) throws(Failure) -> (Descriptor, isFresh: Bool) {
        do throws(SystemError) {
            do throws(SystemError) {
                let file = try paths.sharing.create(place, disk)
                if size > 0 { try disk.truncate(file, to: size) }
                return (file, true)
            } catch { if !error.exists { throw error } }
            let file = try reopenPartial(place)
            if try file.status().size == size { return (file, false) }
            try disk.truncate(file, to: 0)
            try disk.truncate(file, to: size)
            return (file, true)
        } catch { throw error.failure(paths.shownPath(place)) }
    }

    /// One that was sealed may not be written by its owner; then it is unsealed. Another member's becomes ours.
    private func reopenPartial(_ place: Location) throws(SystemError) -> Descriptor {
        let isOurs = paths.sharing.isOurs(try place.status())
        do {
            if isOurs { return try disk.create(place, mode: 0o600, exclusive: false) }
        } catch {
            guard error.code == EACCES else { throw error }
        }
        try paths.owned(place, disk).file.setMode(paths.sharing.ownMode)
        return try disk.create(place, mode: 0o600, exclusive: false)
    }
}

extension PartialFile {
    /// Makes a new file share all bytes of its source, where the filesystem can. What is read in the result is what is
    /// stored, whatever becomes of the source; the caller says of each chunk that it is there with `keep`.
    public func clone(_ source: SourceFile) throws(Failure) -> SourceFile? {
        guard isFresh, let file, progress.withLock({ $0.touched.isEmpty && !$0.hasEnded }) else { return nil }
        do { try store.disk.clone(source.file, to: file) } catch { return nil }
        progress.withLock { $0.isCloned = true }
        // The source may have grown meanwhile.
        do { try store.disk.truncate(file, to: size) } catch { throw error.failure(path) }
        return SourceFile(source, readIn: file)
    }

    /// A chunk was cloned, and has this id.
    public func keep(_ chunk: Int, _ id: ChunkID) throws(Failure) {
        guard try accept(chunk, id) != nil else { return }
        try add(chunk, id, length(of: chunk))
    }
}

/// The files in partial/ that this run has written itself, or read again.
final class TrustedPartials: Sendable {
    private let leaves = Mutex<Set<[UInt8]>>([])

    func contains(_ place: Location) -> Bool { leaves.withLock { $0.contains(place.leaf) } }
    func insert(_ place: Location) { leaves.withLock { _ = $0.insert(place.leaf) } }
    func remove(_ place: Location) { leaves.withLock { _ = $0.remove(place.leaf) } }
}
