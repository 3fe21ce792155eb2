// Checks and drops contents; both change record and files under the content's lock.

import DaftModel
import Glibc

extension Store {
    /// Scrubs a content: corrupt or missing chunks are no longer kept, and names with wrong bytes are removed.
    /// `directly`: use direct I/O, since other contents are checked concurrently.
    public func check(
        _ content: ContentID, buffer: UnsafeMutableRawBufferPointer, directly: Bool = false
    ) throws(Failure) -> Checked {
        guard let manifest = try manifest(of: content) else { return .sound }
        guard buffer.count >= manifest.chunkSize.bytes else {
            throw Failure(.failed, content.hex.utf8, "checking takes a buffer of \(manifest.chunkSize.bytes) bytes")
        }
        defer { opened[content] = nil }
        let scrub = Scrub(
            paths: paths, disk: disk, content: content, manifest: manifest, scheduler: scheduler,
            readsDirectly: directly)
        // First check without the lock, since reading is slow and must not block a put of the same content. A mismatch
        // may be a name just being placed and is checked again under the lock.
        if live.partialFile(content)?.file == nil, try isSound(scrub, buffer) {
            trusted.insert(paths.partial(of: content))
            return .sound
        }
        return try locks.withLock([content]) { () throws(Failure) in try checkLocked(scrub, buffer) }
    }

    private func isSound(_ scrub: Scrub, _ buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Bool {
        let found = try recorded { try scrub.find($0) }
        do throws(SystemError) {
            return scrub.isSound(found, try scrub.inspect(found, buffer))
        } catch { throw checkFailure(error, found) }
    }

    private func checkLocked(
        _ scrub: Scrub, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Checked {
        let (content, manifest) = (scrub.content, scrub.manifest)
        if let partialFile = live.partialFile(content), let file = partialFile.file {
            return Checked(lost: try check(partialFile, file, manifest, buffer), mended: 0)
        }
        let found = try recorded { try scrub.find($0) }
        let outcome: Scrub.Outcome
        do throws(SystemError) {
            outcome = try scrub.mend(found, try scrub.inspect(found, buffer), buffer)
        } catch { throw checkFailure(error, found) }
        if outcome.part != nil || !outcome.forgotten.isEmpty { try change { try scrub.record(outcome, $0) } }
        scrub.finish(outcome)
        trusted.insert(paths.partial(of: content))
        // An empty content cannot lose anything: recreate its file.
        if let part = outcome.part, part.containsAll(below: manifest.chunks.count) {
            try fillLocked(content, manifest).finishLocked()
        }
        try placeAgain(found.nameRows, content)
        return outcome.checked
    }

    private func checkFailure(_ error: SystemError, _ found: Scrub.Found) -> Failure {
        let failure = error.failure(found.nameRows.first?.name.bytes ?? directory)
        return Failure(failure.kind, failure.subject, "could not be checked: \(failure.reason)")
    }

    /// Places removed names again if the content is still complete from another name's copy.
    private func placeAgain(_ before: [NameRow], _ content: ContentID) throws(Failure) {
        guard !before.isEmpty, try extent(of: content) == .complete else { return }
        let names = Set(try names(of: content))
        let lost = before.map(\.named).filter { !names.contains($0.name) }
        guard !lost.isEmpty else { return }
        if let failure = try placeLocked(lost).first { throw failure }
    }

    private func check(
        _ partialFile: PartialFile, _ file: Descriptor, _ manifest: Manifest, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> [Int] {
        var bad = partialFile.have
        do throws(SystemError) {
            bad.subtract(try ChunkCheck(manifest).good(in: file, among: bad, buffer))
        } catch { throw error.failure(partialFile.path) }
        partialFile.lose(bad)
        try partialFile.checkpoint()
        return Array(bad)
    }

    /// Forgets a content without names or references and removes its partial file. False: it is in use.
    @discardableResult
    public func drop(_ content: ContentID) throws(Failure) -> Bool {
        try locks.withLock([content]) { () throws(Failure) in
            if refcounts[content] > 0 { return false }
            let hasNames = try change { ledger in
                let hasNames = try ledger.known(content)?.hasNames == true
                if !hasNames { try ledger.forget(content) }
                return hasNames
            }
            if hasNames { return false }
            if let partialFile = live.partialFile(content) { partialFile.abandon() }
            opened[content] = nil
            removePartial(paths.partial(of: content))
            return true
        }
    }
}
