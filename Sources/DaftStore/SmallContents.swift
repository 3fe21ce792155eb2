// Stores small contents that arrive whole: hundreds per transaction, with few system calls each.

import DaftModel
import Glibc

/// A content in memory.
public struct SmallContent {
    public let content: ContentID
    public let manifest: Manifest
    public let bytes: UnsafeRawBufferPointer

    public init(_ content: ContentID, _ manifest: Manifest, _ bytes: UnsafeRawBufferPointer) {
        self.content = content
        self.manifest = manifest
        self.bytes = bytes
    }
}

extension Store {
    /// Stores contents as complete, without names; the caller has verified their bytes.
    public func keep(_ files: [SmallContent]) throws(Failure) {
        try locks.withLock(Set(files.map(\.content))) { () throws(Failure) in try keepLocked(files) }
    }

    private func keepLocked(_ files: [SmallContent]) throws(Failure) {
        var seen: Set<ContentID> = []
        let wanted = try recorded { ledger in
            try files.indices.filter { i in
                try seen.insert(files[i].content).inserted && ledger.known(files[i].content)?.isComplete != true
            }
        }
        var written: [(file: Int, inode: UInt64)] = []
        var failure: Failure?
        for i in wanted {
            do throws(Failure) {
                if let inode = try write(files[i]) { written.append((i, inode)) }
            } catch {
                failure = error
                break
            }
        }
        try record(written, of: files)
        if let failure { throw failure }
    }

    private func record(_ written: [(file: Int, inode: UInt64)], of files: [SmallContent]) throws(Failure) {
        guard !written.isEmpty else { return }
        if isDurable {
            do { try disk.sync(directory: paths.partial) } catch { throw error.failure(directory) }
        }
        let holes = written.map { files[$0.file].manifest.chunks.count == 1 && isZero(files[$0.file].bytes) }
        try change { ledger in
            for (i, (file, inode)) in written.enumerated() {
                let whole = files[file]
                try ledger.complete(whole.content, whole.manifest, synced: isDurable, inode: inode) { _ in holes[i] }
            }
        }
    }

    /// The inode of the new file; nil if the content was handled as a partial file, because a part exists or another
    /// task is filling it.
    private func write(_ whole: SmallContent) throws(Failure) -> UInt64? {
        guard Int64(whole.bytes.count) == whole.manifest.size else {
            throw Failure(.corrupt, whole.content.hex.utf8, "\(whole.bytes.count) bytes, not \(whole.manifest.size)")
        }
        let place = paths.partial(of: whole.content)
        do throws(SystemError) {
            let file = try disk.create(place, mode: Store.sealedMode, exclusive: true)
            do throws(SystemError) {
                return try fill(file, whole)
            } catch {
                removePartial(place)
                throw error
            }
        } catch {
            if !error.exists { throw error.failure(paths.shownPath(place)) }
        }
        try fillByChunks(whole)
        return nil
    }

    private func fill(_ file: Descriptor, _ whole: SmallContent) throws(SystemError) -> UInt64 {
        // Trailing zeros may become a hole; set the size.
        if whole.bytes.last == 0 { try disk.truncate(file, to: Int64(whole.bytes.count)) }
        try DaftStore.fill(whole.bytes, at: 0) { (bytes, offset) throws(SystemError) in
            try disk.write(bytes, to: file, at: offset)
        }
        let status = try file.status()
        if status.permissions != Store.sealedMode { try file.setMode(Store.sealedMode) }
        if isDurable { try disk.sync(file: file) }
        return status.inode
    }

    private func fillByChunks(_ whole: SmallContent) throws(Failure) {
        let partialFile = try fillLocked(whole.content, whole.manifest)
        for (chunk, id) in whole.manifest.chunks.enumerated() {
            let offset = Int(whole.manifest.offset(of: chunk))
            let end = offset + whole.manifest.length(of: chunk)
            try partialFile.write(chunk, id, UnsafeRawBufferPointer(rebasing: whole.bytes[offset..<end]))
        }
        try partialFile.finishLocked()
    }
}
