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
    /// Past the kernel's memory, which takes less of the processor, and is best where several files are read at a time:
    /// nothing is read ahead.
    var readsDirectly = false

    private static let blockBytes = 4096
    private static let leastDirectBytes: Int64 = 1 << 20

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
        let isAligned = buffer.baseAddress.map { Int(bitPattern: $0) % Inspection.blockBytes == 0 } ?? false
        let isDirect = readsDirectly && size >= Inspection.leastDirectBytes && isAligned && file.setDirect(true)
        defer { if isDirect { _ = file.setDirect(false) } }
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
            } else if holds(chunk, length, file, buffer, isDirect: isDirect) {
                good.insert(chunk)
            }
        }
        return good
    }

    private func holds(
        _ chunk: Int, _ length: Int, _ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer, isDirect: Bool
    ) -> Bool {
        let offset = chunkSize.offset(of: chunk)
        if !isDirect {
            // While this one is hashed, the disk reads the next.
            let next = chunkSize.offset(of: chunk + 1)
            if next < size { posix_fadvise(file.number, off_t(next), off_t(chunkSize.bytes), POSIX_FADV_WILLNEED) }
        }
        let blocks = (length + Inspection.blockBytes - 1) / Inspection.blockBytes * Inspection.blockBytes
        let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(isDirect ? blocks : length)])
        var count = try? file.read(into: memory, at: offset, atLeast: length)
        // Some filesystems say only now that they cannot.
        if count == nil, isDirect, file.setDirect(false) {
            count = try? file.read(into: memory, at: offset, atLeast: length)
        }
        guard let count, count >= length else { return false }
        return digest(of: UnsafeRawBufferPointer(rebasing: memory[..<length])) == id(chunk)
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
