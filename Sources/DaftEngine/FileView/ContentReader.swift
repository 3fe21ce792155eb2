// Reader of a published file: verified chunks, with read-ahead that grows on sequential reads.

import DaftLink
import DaftModel
import DaftStore
import Synchronization

final class ContentReader: FileReader {
    /// The read-ahead window, in chunks, after two sequential reads.
    private static let firstAhead = 4
    private static let mostAheadBytes = 64 << 20

    private struct Position {
        /// The offset that the next sequential read has.
        var next: Int64 = 0
        var ahead = 0
        /// The chunk that was read when the window last grew.
        var grown = 0
    }

    let attributes: Attributes
    let chunks: SharedChunks
    private let station: Station
    private let position = Mutex(Position())
    private var manifest: Manifest { chunks.wanted.manifest }

    init(_ chunks: SharedChunks, _ attributes: Attributes, at station: Station) {
        self.chunks = chunks
        self.attributes = attributes
        self.station = station
    }

    deinit { chunks.leave(ObjectIdentifier(self)) }

    func read(_ range: Range<Int64>, into memory: UnsafeMutableRawBufferPointer) async throws(Failure) -> Int {
        let start = max(0, range.lowerBound)
        let end = min(range.upperBound, manifest.size, start + Int64(memory.count))
        var offset = start
        prepare(start, end)
        while offset < end {
            let (slice, length) = try await rest(of: offset, upTo: end)
            let part = UnsafeMutableRawBufferPointer(
                rebasing: memory[Int(offset - start)..<Int(offset - start) + length])
            if let slice {
                slice.withBytes { part.copyMemory(from: $0) }
            } else {
                part.initializeMemory(as: UInt8.self, repeating: 0)
            }
            offset += Int64(length)
        }
        return Int(max(0, end - start))
    }

    /// The bytes from an offset to the end of its chunk; empty at the end of the file.
    func piece(at offset: Int64) async throws(Failure) -> [UInt8] {
        guard offset < manifest.size else { return [] }
        let end = min(manifest.size, manifest.offset(of: chunk(at: offset) + 1))
        prepare(offset, end)
        let (slice, length) = try await rest(of: offset, upTo: end)
        return slice?.withBytes { Array($0) } ?? [UInt8](repeating: 0, count: length)
    }

    /// The chunk's bytes from an offset on; a nil slice stands for `length` zeros.
    private func rest(of offset: Int64, upTo end: Int64) async throws(Failure) -> (SlabSlice?, length: Int) {
        if Task.isCancelled { throw Failure(.stopped, chunks.wanted.name, "stopped") }
        let index = chunk(at: offset)
        let begin = manifest.offset(of: index)
        let length = Int(min(end, begin + Int64(manifest.length(of: index))) - offset)
        if chunks.isZero(index) { return (nil, length) }
        return (try await chunks.chunk(index).slice(Int(offset - begin), length), length)
    }

    /// Prefetches the range and the read-ahead window behind it.
    private func prepare(_ start: Int64, _ end: Int64) {
        guard start < end else { return }
        let (first, last) = (chunk(at: start), chunk(at: end - 1))
        let ahead = advance(from: start, to: end, chunk: last)
        let end = min(manifest.chunks.count, min(last, first + chunks.mostAhead) + 1 + ahead)
        chunks.prefetch(first..<end, for: ObjectIdentifier(self))
    }

    func localFile() async -> LocalFile? {
        guard let store = station.store else { return nil }
        let content = chunks.wanted.content
        // On failure the reader loads chunks, and that load reports the error.
        return await station.workers.run { (try? store.unchangedFile(of: content)).map(LocalFile.init) }
    }

    private func chunk(at offset: Int64) -> Int { Int(offset / Int64(manifest.chunkSize.bytes)) }

    /// Records a read and returns the read-ahead window in chunks. It doubles once a whole window has been read.
    private func advance(from start: Int64, to end: Int64, chunk: Int) -> Int {
        let most = min(chunks.mostAhead, max(1, ContentReader.mostAheadBytes / manifest.chunkSize.bytes))
        return position.withLock { position in
            let isNext = start > 0 && start == position.next
            position.next = end
            if !isNext {
                position.ahead = 0
            } else if position.ahead == 0 {
                (position.ahead, position.grown) = (min(ContentReader.firstAhead, most), chunk)
            } else if chunk >= position.grown + position.ahead {
                (position.ahead, position.grown) = (min(2 * position.ahead, most), chunk)
            }
            return position.ahead
        }
    }
}
