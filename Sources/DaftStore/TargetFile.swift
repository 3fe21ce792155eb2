// One file written by `get`. Correct chunks are kept, from the partial of an interrupted run or the existing file. The
// caller writes the missing ones, in any order and from several threads; `finish` then puts the file in place
// atomically.
//
//     file = tree.file(…)      touches nothing
//     file.inspect(buffer)     re-hashes existing bytes; `have` has the correct chunks
//     file.write / leaveHole   for each chunk not in `have`
//     file.finish()            or abandon(), which keeps the partial for the next run

import DaftModel
import Glibc
import Synchronization

public final class TargetFile: Sendable {
    private struct State: Sendable {
        var have = BitSet()
        var partial: TargetPartial?
        /// The existing file, if it is already correct.
        var whole: Descriptor?
    }

    private let place: TargetLocation
    private let entry: Entry
    private let manifest: Manifest
    private let existing: Status?
    private let state = Mutex(State())

    init(at place: TargetLocation, _ entry: Entry, _ manifest: Manifest) throws(Failure) {
        self.place = place
        self.entry = entry
        self.manifest = manifest
        existing = try place.existingFile()
    }

    /// The correct chunks: found by `inspect` or written since.
    public var have: BitSet { state.withLock { $0.have } }

    /// Finds correct chunks; `buffer` holds one chunk.
    public func inspect(buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        // An unreadable file is rewritten.
        let file = existing == nil ? nil : try? place.open(O_RDONLY)
        if let file, let existing, existing.size == manifest.size, place.mayKeep(existing, for: entry) {
            let isWhole = manifest.chunks.indices.allSatisfy { finding($0, in: file, buffer) != .wrong }
            if isWhole {
                return state.withLock { state in
                    state.whole = file
                    state.have = BitSet(below: manifest.chunks.count)
                }
            }
        }
        if let partial = try openPartial(create: false) {
            let right = rightChunks(of: partial, buffer)
            state.withLock { $0.have = right }
        }
        if let file { try takeChunks(of: file, buffer) }
    }

    /// A sparse partial is mostly holes, which need no reading.
    private func rightChunks(of partial: TargetPartial, _ buffer: UnsafeMutableRawBufferPointer) -> BitSet {
        var holes = SourceHoles()
        return BitSet(
            manifest.chunks.indices.filter { chunk in
                // If the filesystem does not report holes, everything is read.
                if (try? holes.contain(range(of: chunk), of: partial.file)) == true { return isZero(chunk) }
                return finding(chunk, in: partial.file, buffer) != .wrong
            })
    }

    private func range(of chunk: Int) -> Range<Int64> {
        let start = manifest.offset(of: chunk)
        return start..<start + Int64(manifest.length(of: chunk))
    }

    private func isZero(_ chunk: Int) -> Bool {
        manifest.chunks[chunk] == zeroChunkID(length: manifest.length(of: chunk))
    }

    /// Copies correct chunks from the file to be replaced.
    private func takeChunks(of file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer) throws(Failure) {
        let have = have
        for chunk in manifest.chunks.indices where !have.contains(chunk) {
            switch finding(chunk, in: file, buffer) {
            case .wrong: continue
            case .hole: try leaveHole(chunk)
            case .bytes: try write(chunk, UnsafeRawBufferPointer(rebasing: buffer[..<manifest.length(of: chunk)]))
            }
        }
    }

    private enum Finding { case wrong, hole, bytes }

    /// Unreadable chunks count as wrong and are rewritten.
    private func finding(
        _ chunk: Int, in file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer
    ) -> Finding {
        let (length, offset) = (manifest.length(of: chunk), manifest.offset(of: chunk))
        let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
        guard (try? file.read(into: memory, at: offset)) == length else { return .wrong }
        guard digest(of: UnsafeRawBufferPointer(memory)) == manifest.chunks[chunk] else { return .wrong }
        return isZero(chunk) ? .hole : .bytes
    }

    /// Writes a chunk that the caller has verified.
    public func write(_ chunk: Int, _ bytes: UnsafeRawBufferPointer) throws(Failure) {
        precondition(bytes.count == manifest.length(of: chunk), "not the length of the chunk")
        let partial = try partial()
        try attempt { () throws(SystemError) in try partial.write(bytes, at: manifest.offset(of: chunk)) }
        keep(chunk)
    }

    /// Makes the file a reflink of a store's file, if possible and no chunk is correct yet. The caller verifies each
    /// chunk in the result and calls `keep`.
    public func share(_ kept: KeptFile) throws(Failure) -> KeptFile? {
        guard have.isEmpty else { return nil }
        let partial = try partial()
        guard let shared = partial.sharing(kept.file) else { return nil }
        state.withLock { $0.partial = shared }
        // The store's file may have grown since it was opened.
        try attempt { () throws(SystemError) in try shared.resize(to: manifest.size) }
        return kept.copied(to: shared.file)
    }

    /// Marks a chunk as present and correct.
    public func keep(_ chunk: Int) { state.withLock { $0.have.insert(chunk) } }

    /// For a chunk of zeros, instead of writing.
    public func leaveHole(_ chunk: Int) throws(Failure) {
        let partial = try partial()
        try attempt { () throws(SystemError) in try partial.leaveHole(range(of: chunk)) }
        keep(chunk)
    }

    /// Sets mode and mtime and renames the file into place.
    public func finish() throws(Failure) {
        let missing = manifest.chunks.count - have.count
        if missing > 0 { throw Failure(.missing, place.path, "\(missing) chunks are missing") }
        if let whole = state.withLock({ $0.whole }) {
            try attempt { () throws(SystemError) in try whole.settle(entry, durable: place.isDurable) }
            try openPartial(create: false)?.remove()
        } else {
            try partial().finish(entry)
        }
        close()
    }

    /// Gives up; written chunks stay for the next run.
    public func abandon() {
        state.withLock { state in
            if state.have.isEmpty { state.partial?.remove() }
        }
        close()
    }

    private func close() {
        state.withLock { state in
            state.partial = nil
            state.whole = nil
        }
    }

    private func partial() throws(Failure) -> TargetPartial {
        guard let partial = try openPartial(create: true) else {
            throw Failure(.missing, place.path, "its unfinished file vanished")
        }
        return partial
    }

    private func openPartial(create: Bool) throws(Failure) -> TargetPartial? {
        try state.withLock { (state) throws(Failure) in
            if let partial = state.partial { return partial }
            guard let partial = try TargetPartial.open(for: place, create: create) else {
                return nil
            }
            try attempt { () throws(SystemError) in try partial.resize(to: manifest.size) }
            state.partial = partial
            return partial
        }
    }

    private func attempt(_ body: () throws(SystemError) -> Void) throws(Failure) {
        do { try body() } catch { throw error.failure(place.path) }
    }
}
