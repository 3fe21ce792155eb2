// Reads kept contents from wherever they are: a partial file, a name, or complete in partial/.

import DaftModel
import Glibc
import Synchronization

extension Store {
    /// Reads one chunk. The receiver verifies it.
    public func read(
        _ chunk: Int, of content: ContentID, into memory: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Int {
        if let partialFile = live.partialFile(content), partialFile.have.contains(chunk), let file = partialFile.file {
            let kept = KeptFile(
                content: content, file: file, size: partialFile.size, chunkSize: partialFile.chunkSize,
                extent: .nothing, directory: directory)
            return try kept.read(chunk, into: memory)
        }
        if let kept = opened[content], kept.extent.contains(chunk) { return try kept.read(chunk, into: memory) }
        let kept = try opening(content) { $0.contains(chunk) }
        return try kept.read(chunk, into: memory)
    }

    /// The file of a complete content.
    public func file(of content: ContentID) throws(Failure) -> KeptFile {
        if let kept = opened[content], kept.extent == .complete { return kept }
        return try opening(content) { $0 == .complete }
    }

    private func opening(_ content: ContentID, if isEnough: (Extent) -> Bool) throws(Failure) -> KeptFile {
        let found = try recorded { ledger in try ledger.known(content).map { ($0, try ledger.extent(of: content)) } }
        guard let (known, extent) = found, isEnough(extent) else { throw Store.missing(content, "is not kept here") }
        let kept = KeptFile(
            content: content, file: try open(content, known), size: known.size, chunkSize: known.chunkSize,
            extent: extent, directory: directory)
        if known.size > known.chunkSize.bytes { opened[content] = kept }
        return kept
    }

    /// Opens a file of the content's size; with `unchanged`, one that also matches its record.
    func open(_ content: ContentID, _ known: KnownContent, unchanged: Bool = false) throws(Failure) -> Descriptor {
        // A concurrent rename from partial/ to a name can hide the file; retry.
        for _ in 0..<3 {
            for row in try recorded({ try $0.nameRows(of: content, known.number) }) {
                if let file = try openNamed(row, known, unchanged: unchanged) { return file }
            }
            if let file = try openPartial(content, known) { return file }
        }
        throw Store.missing(content, "has been removed or changed in \(shown(directory)): verify brings it back")
    }

    /// The file of a complete content, unchanged since it was stored.
    public func unchangedFile(of content: ContentID) throws(Failure) -> Descriptor {
        let found = try recorded { ledger in try ledger.known(content).map { ($0, try ledger.extent(of: content)) } }
        guard let (known, extent) = found, extent == .complete else {
            throw Store.missing(content, "is not complete here")
        }
        return try open(content, known, unchanged: true)
    }

    private func openNamed(
        _ row: NameRow, _ known: KnownContent, unchanged: Bool
    ) throws(Failure) -> Descriptor? {
        do throws(SystemError) {
            guard let (file, status) = try paths.openFile(row.name), status.size == known.size,
                !unchanged || FileStamp(status) == row.stamp
            else { return nil }
            return file
        } catch { throw error.failure(row.name.bytes) }
    }

    private func openPartial(_ content: ContentID, _ known: KnownContent) throws(Failure) -> Descriptor? {
        let place = paths.partial(of: content)
        do throws(SystemError) {
            let file = try place.open(O_RDONLY)
            return try file.status().size == known.size ? file : nil
        } catch {
            if error.isAbsence { return nil }
            throw error.failure(paths.shownPath(place))
        }
    }

    static func missing(_ content: ContentID, _ why: String) -> Failure {
        Failure(.missing, content.hex.utf8, "content \(why)")
    }
}

/// An open file of a content.
public struct KeptFile: Sendable {
    let content: ContentID
    let file: Descriptor
    let size: Int64
    let chunkSize: ChunkSize
    let extent: Extent
    /// The directory that failures name.
    let directory: [UInt8]

    /// Reads one chunk. The receiver verifies it.
    public func read(_ chunk: Int, into memory: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        // The index comes from another rank and may be out of range.
        guard (0..<chunkSize.count(of: size)).contains(chunk) else { throw Store.missing(content, "has no such chunk") }
        let length = chunkSize.length(of: chunk, in: size)
        guard length <= memory.count else { throw Store.missing(content, "has larger chunks than the buffer") }
        let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<length])
        let count: Int
        do {
            count = try file.read(into: part, at: chunkSize.offset(of: chunk))
        } catch { throw error.failure(directory) }
        guard count == length else { throw Store.missing(content, "is shorter than it was when it was stored") }
        return count
    }

    /// The same bytes in another file.
    func copied(to other: Descriptor) -> KeptFile {
        KeptFile(
            content: content, file: other, size: size, chunkSize: chunkSize, extent: extent, directory: directory)
    }
}

/// Keeps files of large contents open between chunk reads.
final class OpenedContents: Sendable {
    private static let most = 64
    private let contents = Mutex<[ContentID: KeptFile]>([:])

    subscript(content: ContentID) -> KeptFile? {
        get { contents.withLock { $0[content] } }
        set {
            contents.withLock { contents in
                if contents.count >= OpenedContents.most { contents.removeAll(keepingCapacity: true) }
                contents[content] = newValue
            }
        }
    }

    func removeAll() { contents.withLock { $0.removeAll() } }
}

extension PartialFile {
    /// Reads a chunk that is present. The receiver verifies it.
    public func read(_ chunk: Int, into memory: UnsafeMutableRawBufferPointer) throws(Failure) -> Int {
        guard have.contains(chunk), let file else { throw Failure(.missing, path, "chunk \(chunk) is not there") }
        return try fileBytes(chunk, file, into: memory)
    }

    /// Adopts a chunk that an interrupted run wrote but did not record; false if it is absent or wrong.
    public func adopt(
        _ chunk: Int, _ id: ChunkID, buffer: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Bool {
        guard mayHold(chunk), let file else { return false }
        let count = try fileBytes(chunk, file, into: buffer)
        guard count == length(of: chunk), digest(of: UnsafeRawBufferPointer(rebasing: buffer[..<count])) == id
        else { return false }
        try add(chunk, id, count)
        return true
    }

    /// Whether an earlier run may have written the chunk.
    public func mayHold(_ chunk: Int) -> Bool {
        guard !isFresh, let file, !have.contains(chunk) else { return false }
        let start = chunkSize.offset(of: chunk)
        // If that is unknown, the chunk is loaded.
        guard let data = try? file.data(after: start) else { return false }
        return data.lowerBound < start + Int64(length(of: chunk))
    }

    private func fileBytes(
        _ chunk: Int, _ file: Descriptor, into memory: UnsafeMutableRawBufferPointer
    ) throws(Failure) -> Int {
        let part = UnsafeMutableRawBufferPointer(rebasing: memory[..<min(memory.count, length(of: chunk))])
        do { return try file.read(into: part, at: chunkSize.offset(of: chunk)) } catch { throw error.failure(path) }
    }
}
