// Re-reading what is kept: which chunks of a file have the bytes that their ids say.

import DaftCore
import Glibc

/// The id of an all-zero chunk that is not the last, shorter one.
func zeroID(_ chunkSize: ChunkSize) -> ChunkID { zeroChunkID(length: chunkSize.bytes) }

/// A file and what its chunks ought to be.
struct Inspection {
    let size: Int64
    let chunkSize: ChunkSize
    let id: (Int) -> ChunkID?

    init(size: Int64, chunkSize: ChunkSize, id: @escaping (Int) -> ChunkID?) {
        self.size = size
        self.chunkSize = chunkSize
        self.id = id
    }

    init(_ manifest: Manifest) {
        self.init(size: manifest.size, chunkSize: manifest.chunkSize) { manifest.chunks[$0] }
    }

    /// Those of `chunks` whose bytes in `file` are right; what cannot be read is not. Holes are not read.
    func good(in file: Descriptor, among chunks: BitSet, _ buffer: UnsafeMutableRawBufferPointer) -> BitSet {
        var good = BitSet()
        var data: Range<Int64>? = 0..<0
        for chunk in chunks {
            let offset = chunkSize.offset(of: chunk)
            let length = chunkSize.length(of: chunk, in: size)
            if let known = data, known.upperBound <= offset {
                do { data = try file.data(after: offset) } catch { data = offset..<size }
            }
            let isHole = length == chunkSize.bytes && (data.map { $0.lowerBound >= offset + Int64(length) } ?? true)
            if isHole {
                if id(chunk) == zeroID(chunkSize) { good.insert(chunk) }
            } else if holds(chunk, length, file, buffer) {
                good.insert(chunk)
            }
        }
        return good
    }

    private func holds(
        _ chunk: Int, _ length: Int, _ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer
    ) -> Bool {
        let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<length])
        // While this one is hashed, the disk reads the next.
        let next = chunkSize.offset(of: chunk + 1)
        if next < size { posix_fadvise(file.number, off_t(next), off_t(chunkSize.bytes), POSIX_FADV_WILLNEED) }
        guard let count = try? file.read(into: memory, at: chunkSize.offset(of: chunk)), count == length else {
            return false
        }
        return digest(of: UnsafeRawBufferPointer(memory)) == id(chunk)
    }

    /// Whether `file` is this content to the last byte.
    func isWhole(_ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer) -> Bool {
        guard let status = try? file.status(), status.isFile, status.size == size else { return false }
        let all = BitSet(below: chunkSize.count(of: size))
        return good(in: file, among: all, buffer) == all
    }
}

/// Memory for one chunk, for as long as `body` runs.
func withChunkBuffer<T>(_ chunkSize: ChunkSize, _ body: (UnsafeMutableRawBufferPointer) throws -> T) rethrows -> T {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize.bytes, alignment: 4096)
    defer { memory.deallocate() }
    return try body(memory)
}
