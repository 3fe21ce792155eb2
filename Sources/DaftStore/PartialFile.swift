// A content being filled: a sparse file in partial/ with each chunk at its offset, written in any order by several
// threads. The ledger records its chunks periodically, so that a killed run loses little.

import DaftModel
import DaftWire
import Glibc
import Synchronization

public final class PartialFile: Sendable {
    enum Goal: Sendable {
        case content(ContentID, Manifest)
        /// A file whose content is unknown; without a key it is not recorded.
        case ingest(Digest?)
    }

    struct Progress: Sendable {
        var have: BitSet
        /// Chunks written since the file was opened, also wrong or lost ones.
        var touched = BitSet()
        /// Whether all bytes were cloned from the source.
        var isCloned = false
        /// Of an ingest: ids of the chunks present.
        var ids: [Int: ChunkID] = [:]
        var unsaved: [Int] = []
        var unsavedBytes = 0
        var saved = ContinuousClock.now
        var hasEnded = false
        /// Set after a failed sync: what is on the disk is unknown.
        var loss: Failure?
    }

    public let size: Int64
    public let chunkSize: ChunkSize
    let goal: Goal
    let place: Location
    /// Nil if the content was already complete.
    let file: Descriptor?
    /// The file was empty when it was opened.
    let isFresh: Bool
    let store: Store
    let progress: Mutex<Progress>

    init(
        _ store: Store, _ goal: Goal, size: Int64, chunkSize: ChunkSize, _ place: Location, _ file: Descriptor?,
        isFresh: Bool, _ progress: Progress
    ) {
        self.store = store
        self.goal = goal
        self.size = size
        self.chunkSize = chunkSize
        self.place = place
        self.file = file
        self.isFresh = isFresh
        var progress = progress
        progress.saved = store.now
        self.progress = Mutex(progress)
    }

    deinit { store.live.forgetEmpty(goal) }

    public var have: BitSet { progress.withLock { $0.have } }

    var count: Int { chunkSize.count(of: size) }

    var manifest: Manifest? {
        if case .content(_, let manifest) = goal { manifest } else { nil }
    }

    /// The recorded id of a chunk that is present.
    public func id(of chunk: Int) -> ChunkID? {
        progress.withLock { progress in
            guard progress.have.contains(chunk) else { return nil }
            return manifest?.chunks[chunk] ?? progress.ids[chunk]
        }
    }

    /// Writes a chunk at its offset; the caller has verified it.
    public func write(_ chunk: Int, _ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws(Failure) {
        guard bytes.count == length(of: chunk) else {
            throw Failure(.corrupt, path, "chunk \(chunk) has \(bytes.count) bytes, not \(length(of: chunk))")
        }
        guard let (file, isClean) = try accept(chunk, id) else { return }
        let offset = chunkSize.offset(of: chunk)
        do throws(SystemError) {
            if isClean {
                try fill(bytes, at: offset) { (bytes, offset) throws(SystemError) in
                    try store.disk.write(bytes, to: file, at: offset)
                }
            } else {
                try store.disk.write(bytes, to: file, at: offset)
            }
        } catch { throw error.failure(path) }
        try add(chunk, id, bytes.count)
    }

    /// Records an all-zero chunk.
    public func leaveHole(_ chunk: Int, _ id: ChunkID) throws(Failure) {
        guard let (file, isClean) = try accept(chunk, id) else { return }
        if !isClean {
            do throws(SystemError) {
                try punch(file, chunk)
            } catch { throw error.failure(path) }
        }
        try add(chunk, id, 0)
    }

    private func punch(_ file: Descriptor, _ chunk: Int) throws(SystemError) {
        let offset = chunkSize.offset(of: chunk)
        do {
            try store.disk.punch(file, at: offset, length: length(of: chunk))
        } catch {
            guard error.code == EOPNOTSUPP || error.code == ENOSYS else { throw error }
            let zeros = [UInt8](repeating: 0, count: length(of: chunk))
            try zeros.withUnsafeBufferPointer { (bytes) throws(SystemError) in
                try store.disk.write(UnsafeRawBufferPointer(bytes), to: file, at: offset)
            }
        }
    }

    /// Copies a chunk from another content of this store; false if that copy is wrong.
    public func copy(
        _ chunk: Int, _ id: ChunkID, from: (content: ContentID, chunk: Int), buffer: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Bool {
        let count: Int
        do {
            count = try store.read(from.chunk, of: from.content, into: buffer)
        } catch {
            if error.kind == .missing { return false }
            throw error
        }
        let bytes = UnsafeRawBufferPointer(rebasing: buffer[..<count])
        guard count == length(of: chunk), digest(of: bytes) == id else { return false }
        try write(chunk, id, bytes)
        return true
    }

    var path: [UInt8] { store.paths.shownPath(place) }

    func length(of chunk: Int) -> Int { chunkSize.length(of: chunk, in: size) }

    /// The file for a chunk, and whether its range reads as zeros: false for a preexisting file or a chunk written
    /// before. Nil if the chunk is present.
    func accept(_ chunk: Int, _ id: ChunkID) throws(Failure) -> (file: Descriptor, isClean: Bool)? {
        guard chunk >= 0, chunk < count, manifest == nil || manifest?.chunks[chunk] == id else {
            throw Failure(.corrupt, path, "chunk \(chunk) is not one of this content")
        }
        let (isThere, hasEnded, loss) = progress.withLock { progress in
            let isThere = progress.have.contains(chunk) && (manifest != nil || progress.ids[chunk] == id)
            return (isThere, progress.hasEnded, progress.loss)
        }
        if let loss { throw loss }
        if isThere { return nil }
        guard !hasEnded, let file else { throw Failure(.stopped, path, "was given up meanwhile") }
        let isTouched = progress.withLock { progress in
            defer { progress.touched.insert(chunk) }
            return progress.isCloned || progress.touched.contains(chunk)
        }
        return (file, isFresh && !isTouched)
    }

    func add(_ chunk: Int, _ id: ChunkID, _ bytes: Int) throws(Failure) {
        let now = store.now
        let isTime = progress.withLock { progress in
            progress.have.insert(chunk)
            if manifest == nil { progress.ids[chunk] = id }
            progress.unsaved.append(chunk)
            progress.unsavedBytes += bytes
            return progress.unsavedBytes >= 64 << 20 || progress.saved.duration(to: now) >= .seconds(1)
        }
        if isTime { try checkpoint() }
    }

    /// Removes chunks that turned out wrong.
    func lose(_ chunks: BitSet) {
        progress.withLock { progress in
            progress.have.subtract(chunks)
            // Forces the next checkpoint to record the loss.
            progress.unsaved += chunks
        }
    }
}

/// The partial files in use.
final class OpenPartials: Sendable {
    private struct Held {
        weak var partialFile: PartialFile?
    }

    private let held = Mutex<(contents: [ContentID: Held], ingests: [Digest: Held])>(([:], [:]))

    func partialFile(_ content: ContentID) -> PartialFile? { held.withLock { $0.contents[content]?.partialFile } }

    var all: [PartialFile] {
        held.withLock { held in
            held.contents.values.compactMap(\.partialFile) + held.ingests.values.compactMap(\.partialFile)
        }
    }

    func isIngesting(_ key: Digest) -> Bool { held.withLock { $0.ingests[key]?.partialFile != nil } }

    /// Registers a partial file; returns the existing one, if any.
    func enter(_ partialFile: PartialFile) -> PartialFile {
        held.withLock { held in
            switch partialFile.goal {
            case .content(let content, _):
                if let there = held.contents[content]?.partialFile { return there }
                held.contents[content] = Held(partialFile: partialFile)
            case .ingest(let key?):
                if let there = held.ingests[key]?.partialFile { return there }
                held.ingests[key] = Held(partialFile: partialFile)
            case .ingest(nil): break
            }
            return partialFile
        }
    }

    func leave(_ partialFile: PartialFile) {
        held.withLock { held in
            switch partialFile.goal {
            case .content(let content, _):
                if held.contents[content]?.partialFile === partialFile { held.contents[content] = nil }
            case .ingest(let key?):
                if held.ingests[key]?.partialFile === partialFile { held.ingests[key] = nil }
            case .ingest(nil): break
            }
        }
    }

    /// Forgets an entry whose partial file no longer exists.
    func forgetEmpty(_ goal: PartialFile.Goal) {
        held.withLock { held in
            switch goal {
            case .content(let content, _):
                if held.contents[content]?.partialFile == nil { held.contents[content] = nil }
            case .ingest(let key?):
                if held.ingests[key]?.partialFile == nil { held.ingests[key] = nil }
            case .ingest(nil): break
            }
        }
    }
}
