// Starts partial files: of a known content, or of a file whose content is unknown. Small contents that arrive whole
// need none; see SmallContents.swift.

import DaftModel
import Glibc
import Synchronization

extension Store {
    /// Opens or continues a partial file; a complete content has all chunks.
    public func fill(_ content: ContentID, _ manifest: Manifest) throws(Failure) -> PartialFile {
        try locks.withLock([content]) { () throws(Failure) in try fillLocked(content, manifest) }
    }

    /// The caller holds the content's lock.
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
        // It may have been completed, and even placed, since the check.
        guard let known = try recorded({ try $0.known(content) }), known.isComplete else { return partialFile }
        live.leave(partialFile)
        // The next start removes what cannot be removed now.
        if isFresh, known.hasNames, let status = try? file.status() { removePartial(place, ofInode: status.inode) }
        return complete(content, manifest)
    }

    private func complete(_ content: ContentID, _ manifest: Manifest) -> PartialFile {
        PartialFile(
            self, .content(content, manifest), size: manifest.size, chunkSize: manifest.chunkSize,
            paths.partial(of: content), nil, isFresh: false, .init(have: BitSet(below: manifest.chunks.count)))
    }

    /// A partial file of unknown content; `key` identifies the source. A second one of the same key is private.
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

    /// The recorded chunks whose bytes are right. Chunks of an earlier run are re-read before anything is added, since
    /// nothing else would check them before the file gets its name.
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

    /// A file of the wrong size counts as new.
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

    /// Reopens a file; a sealed one is made writable, and another member's is replaced by our copy.
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
    /// Makes a new file a reflink of its source, if possible. The returned source reads the clone, so later changes of
    /// the original do not matter; the caller reports each chunk with `keep`.
    public func clone(_ source: SourceFile) throws(Failure) -> SourceFile? {
        guard isFresh, let file, progress.withLock({ $0.touched.isEmpty && !$0.hasEnded }) else { return nil }
        do { try store.disk.clone(source.file, to: file) } catch { return nil }
        progress.withLock { $0.isCloned = true }
        // The source may have grown meanwhile.
        do { try store.disk.truncate(file, to: size) } catch { throw error.failure(path) }
        return SourceFile(source, readIn: file)
    }

    /// Records the id of a cloned chunk.
    public func keep(_ chunk: Int, _ id: ChunkID) throws(Failure) {
        guard try accept(chunk, id) != nil else { return }
        try add(chunk, id, length(of: chunk))
    }
}

/// Files in partial/ that this run has written or verified.
final class TrustedPartials: Sendable {
    private let leaves = Mutex<Set<[UInt8]>>([])

    func contains(_ place: Location) -> Bool { leaves.withLock { $0.contains(place.leaf) } }
    func insert(_ place: Location) { leaves.withLock { _ = $0.insert(place.leaf) } }
    func remove(_ place: Location) { leaves.withLock { _ = $0.remove(place.leaf) } }
}
