// Checkpoints and ends of a partial file: complete, merged into its content, or abandoned.

import DaftModel
import DaftWire
import Glibc
import Synchronization

extension PartialFile {
    /// Records the chunks present; in a durable store only synced ones.
    public func checkpoint() throws(Failure) {
        try inTurn { () throws(Failure) in try save() }
    }

    /// Records progress and ends this work but keeps the file, from which the next work on the same source continues.
    /// Explicit, because a thread may hold the last reference a little longer.
    public func pause() throws(Failure) {
        defer { store.live.leave(self) }
        try inTurn { () throws(Failure) in
            defer { _ = end() }
            try save()
        }
    }

    private func inTurn<T, E: Error>(_ body: () throws(E) -> T) throws(E) -> T {
        try store.checkpointLocks.withLock([ObjectIdentifier(self)], body)
    }

    private func save() throws(Failure) {
        let (ids, unsaved) = progress.withLock { progress in
            defer {
                progress.unsaved = []
                progress.unsavedBytes = 0
                progress.saved = store.now
            }
            return (progress.ids, progress.unsaved)
        }
        if let loss = progress.withLock({ $0.loss }) { throw loss }
        guard !unsaved.isEmpty, !progress.withLock({ $0.hasEnded }), let file else { return }
        do {
            try save(unsaved, ids, file)
        } catch {
            progress.withLock { $0.unsaved += unsaved }
            throw error
        }
    }

    private func save(_ unsaved: [Int], _ ids: [Int: ChunkID], _ file: Descriptor) throws(Failure) {
        let have = have
        try syncIfDurable(file)
        switch goal {
        case .ingest(nil): break
        case .content(let content, let manifest):
            try store.change { ledger in
                if let known = try ledger.known(content), known.isComplete { return }
                try ledger.setPart(content, manifest, have, synced: store.isDurable)
                try ledger.index(BitSet(unsaved), of: content, manifest)
            }
        case .ingest(let key?):
            try store.change { ledger in
                let number =
                    try ledger.ingest(key)?.number ?? ledger.addIngest(key, size: size, chunkSize: chunkSize)
                for chunk in unsaved {
                    if let id = ids[chunk] { try ledger.setIngested(number, chunk, id) }
                }
                try ledger.setIngestSynced(number, store.isDurable)
            }
        }
    }

    /// All chunks are present: records the content as complete, without a name.
    public func finish() throws(Failure) {
        guard case .content(let content, _) = goal else { return try finishLocked() }
        try store.locks.withLock([content]) { () throws(Failure) in try finishLocked() }
    }

    /// The caller holds the content's lock.
    func finishLocked() throws(Failure) {
        guard case .content(let content, let manifest) = goal else {
            throw Failure(.failed, path, "a file read in ends as the content that it turned out to be")
        }
        guard let file else { return }
        guard have.containsAll(below: count) else {
            throw Failure(.missing, path, "chunk \(have.firstMissing(below: count) ?? 0) of \(count) is not there yet")
        }
        defer { store.live.leave(self) }
        try inTurn { () throws(Failure) in
            guard try isFirstEnd() else { return }
            let inode = try seal(file)
            try store.recordComplete(content, manifest, inode)
            store.trusted.remove(place)
        }
    }

    /// Records what was ingested as this content or a part of it; chunks that the store has already are kept.
    public func finish(as content: ContentID, _ manifest: Manifest) throws(Failure) {
        try store.locks.withLock([content]) { () throws(Failure) in try finishLocked(as: content, manifest) }
    }

    private func finishLocked(as content: ContentID, _ manifest: Manifest) throws(Failure) {
        guard case .ingest(let key) = goal, let file else {
            throw Failure(.failed, path, "is not a file being read in")
        }
        let (have, ids) = progress.withLock { ($0.have, $0.ids) }
        guard manifest.size == size, manifest.chunkSize == chunkSize,
            have.allSatisfy({ manifest.chunks[$0] == ids[$0] })
        else { throw Failure(.changed, path, "is not what was read in") }
        defer { store.live.leave(self) }
        try inTurn { () throws(Failure) in
            guard try isFirstEnd() else { return }
            if try store.extent(of: content) == .nothing {
                let successor = PartialFile(
                    store, .content(content, manifest), size: size, chunkSize: chunkSize,
                    store.paths.partial(of: content), file, isFresh: false, Progress(have: have))
                if try successor.succeed(self, key, content) { return }
            }
            try merge(file, into: try store.fillLocked(content, manifest), have)
            try discard()
        }
    }

    /// Takes over an ingest's file, unless another file has become this content meanwhile. The lock prevents anyone
    /// from ending this work before its file is in place.
    private func succeed(_ ingest: PartialFile, _ key: Digest?, _ content: ContentID) throws(Failure) -> Bool {
        try inTurn { () throws(Failure) in
            guard store.live.enter(self) === self else { return false }
            do throws(Failure) {
                guard try store.recorded({ try $0.extent(of: content) }) == .nothing else {
                    store.live.leave(self)
                    return false
                }
                try store.adopt(ingest, key, by: self)
                return true
            } catch {
                lose(error)
                throw error
            }
        }
    }

    /// Makes further work on it fail.
    private func lose(_ failure: Failure) {
        progress.withLock { progress in
            progress.hasEnded = true
            progress.loss = failure
        }
        store.live.leave(self)
    }

    /// Drops it and its file.
    public func abandon() {
        guard file != nil else { return }
        defer { store.live.leave(self) }
        inTurn {
            guard !end() else { return }
            // What cannot be removed now is garbage that the next start removes.
            try? discard()
        }
    }

    /// Marks the end; true if it was marked before.
    fileprivate func end() -> Bool {
        progress.withLock { progress in
            defer { progress.hasEnded = true }
            return progress.hasEnded
        }
    }

    /// Marks the end; false if it was marked before; throws if a sync failed.
    private func isFirstEnd() throws(Failure) -> Bool {
        let hadEnded = end()
        if let loss = progress.withLock({ $0.loss }) { throw loss }
        return !hadEnded
    }

    /// Removes the file first: if the record cannot be changed, it merely names a missing file.
    private func discard() throws(Failure) {
        store.removePartial(place)
        store.trusted.remove(place)
        try store.change { ledger in
            switch goal {
            case .content(let content, _):
                if try ledger.known(content)?.isComplete == false { try ledger.forget(content) }
            case .ingest(let key?):
                if let known = try ledger.ingest(key) { try ledger.forgetIngest(known.number) }
            case .ingest(nil): break
            }
        }
    }

    private func merge(_ file: Descriptor, into partialFile: PartialFile, _ have: BitSet) throws(Failure) {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize.bytes, alignment: 4096)
        defer { buffer.deallocate() }
        let there = partialFile.have
        for chunk in have where !there.contains(chunk) {
            guard let id = partialFile.manifest?.chunks[chunk] else { continue }
            let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length(of: chunk)])
            do {
                _ = try file.read(into: memory, at: chunkSize.offset(of: chunk))
            } catch { throw error.failure(path) }
            let bytes = UnsafeRawBufferPointer(memory)
            if isZero(bytes) { try partialFile.leaveHole(chunk, id) } else { try partialFile.write(chunk, id, bytes) }
        }
        if partialFile.have.containsAll(below: count) {
            try partialFile.finishLocked()
        } else {
            try partialFile.checkpoint()
        }
    }

    /// Makes a complete file read-only and, if durable, synced; returns its inode.
    fileprivate func seal(_ file: Descriptor) throws(Failure) -> UInt64 {
        do throws(SystemError) {
            try file.setMode(Store.sealedMode)
        } catch { throw error.failure(path) }
        try syncIfDurable(file)
        do throws(SystemError) { return try file.status().inode } catch { throw error.failure(path) }
    }

    /// A failed sync cannot be repeated: the kernel takes the unwritten pages for written, and the next sync
    /// succeeds. The file is removed and must be filled again.
    fileprivate func syncIfDurable(_ file: Descriptor) throws(Failure) {
        guard store.isDurable else { return }
        do throws(SystemError) {
            try store.disk.sync(file: file)
            try store.disk.sync(directory: store.paths.partial)
        } catch {
            let failure = error.failure(path)
            lose(failure)
            // The caller gets the sync's error; the next start removes what cannot be removed now.
            try? discard()
            throw failure
        }
    }
}

extension Store {
    /// Checkpoints every partial file, for when this process is about to be killed.
    public func checkpoint() {
        // What cannot be remembered is brought again.
        for partialFile in live.all { try? partialFile.checkpoint() }
    }

    /// Mode of a complete file in partial/.
    static let sealedMode: UInt16 = 0o444

    fileprivate func recordComplete(_ content: ContentID, _ manifest: Manifest, _ inode: UInt64) throws(Failure) {
        let isNeedless = try change { ledger in
            // Whoever finished it first may be placing this very file.
            if let known = try ledger.known(content), known.isComplete { return known.hasNames && known.inode != inode }
            try complete(content, manifest, inode, ledger)
            return false
        }
        if isNeedless { removePartial(paths.partial(of: content), ofInode: inode) }
    }

    private func complete(_ content: ContentID, _ manifest: Manifest, _ inode: UInt64, _ ledger: Ledger) throws {
        let zero = manifest.chunks.count > 1 ? zeroID(manifest.chunkSize) : nil
        try ledger.complete(content, manifest, synced: isDurable, inode: inode) { manifest.chunks[$0] == zero }
    }

    /// Turns an ingest's file into its content's. The record comes before the rename and the ingest is forgotten after
    /// it, so that a kill in between loses nothing.
    fileprivate func adopt(_ partialFile: PartialFile, _ key: Digest?, by successor: PartialFile) throws(Failure) {
        guard case .content(let content, let manifest) = successor.goal, let file = successor.file else { return }
        let have = successor.have
        let isComplete = have.containsAll(below: successor.count)
        let inode = isComplete ? try partialFile.seal(file) : 0
        if !isComplete { try partialFile.syncIfDurable(file) }
        let ingest = try change { ledger -> Int64? in
            if isComplete {
                try complete(content, manifest, inode, ledger)
            } else {
                try ledger.setPart(content, manifest, have, synced: isDurable)
                try ledger.index(have, of: content, manifest)
            }
            let ingest = try key.flatMap { try ledger.ingest($0)?.number }
            if let ingest { try ledger.becomes(content, ingest) }
            return ingest
        }
        do throws(SystemError) {
            try renameOverGarbage(partialFile.place, to: successor.place)
            trusted.remove(partialFile.place)
            if !isComplete { trusted.insert(successor.place) }
            if isDurable { try disk.sync(directory: paths.partial) }
        } catch {
            try change { try $0.forget(content) }
            throw error.failure(partialFile.path)
        }
        if let ingest { try change { try $0.forgetIngest(ingest) } }
        if isComplete {
            _ = successor.end()
            live.leave(successor)
        }
    }

    /// An unrecorded file may exist at `new`, from duplicate or interrupted work.
    private func renameOverGarbage(_ old: Location, to new: Location) throws(SystemError) {
        for _ in 0..<3 {
            do { return try disk.rename(old, to: new) } catch { if !error.exists { throw error } }
            try disk.remove(new)
        }
        try disk.rename(old, to: new)
    }

    /// What is not there, or cannot be removed now, the next start finds.
    func removePartial(_ place: Location) { try? disk.remove(place) }

    /// The same, unless another file has taken the place or its status cannot be read.
    func removePartial(_ place: Location, ofInode inode: UInt64) {
        if (try? place.status())?.inode == inode { removePartial(place) }
    }
}
