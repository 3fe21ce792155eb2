// Re-reads kept chunks and compares them with their ids.

import DaftModel
import Glibc

/// The id of a full-length chunk of zeros.
func zeroID(_ chunkSize: ChunkSize) -> ChunkID { zeroChunkID(length: chunkSize.bytes) }

/// A file and the ids that its chunks should have.
struct ChunkCheck {
    let size: Int64
    let chunkSize: ChunkSize
    let id: (Int) -> ChunkID?
    /// Whether to use direct I/O: less processor time, but no read-ahead, so it pays only where several files are read
    /// at once.
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

    /// Those of `chunks` whose bytes in `file` are right. Holes are not read. A media error counts as wrong bytes; any
    /// other error is thrown.
    func good(
        in file: Descriptor, among chunks: BitSet, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> BitSet {
        let isAligned = buffer.baseAddress.map { Int(bitPattern: $0) % ChunkCheck.blockBytes == 0 } ?? false
        let isDirect = readsDirectly && size >= ChunkCheck.leastDirectBytes && isAligned && file.setDirect(true)
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
            } else if try holds(chunk, length, file, buffer, isDirect: isDirect) {
                good.insert(chunk)
            }
        }
        return good
    }

    private func holds(
        _ chunk: Int, _ length: Int, _ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer, isDirect: Bool
    ) throws(SystemError) -> Bool {
        let offset = chunkSize.offset(of: chunk)
        if !isDirect {
            // Read ahead while this chunk is hashed.
            let next = chunkSize.offset(of: chunk + 1)
            if next < size { posix_fadvise(file.number, off_t(next), off_t(chunkSize.bytes), POSIX_FADV_WILLNEED) }
        }
        let blocks = (length + ChunkCheck.blockBytes - 1) / ChunkCheck.blockBytes * ChunkCheck.blockBytes
        let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<(isDirect ? blocks : length)])
        do throws(SystemError) {
            guard try read(file, memory, offset, length, isDirect: isDirect) >= length else { return false }
        } catch {
            if error.isMediumError { return false }
            throw error
        }
        return digest(of: UnsafeRawBufferPointer(rebasing: memory[..<length])) == id(chunk)
    }

    private func read(
        _ file: Descriptor, _ memory: UnsafeMutableRawBufferPointer, _ offset: Int64, _ length: Int, isDirect: Bool
    ) throws(SystemError) -> Int {
        do { return try file.read(into: memory, at: offset, atLeast: length) } catch {
            // Some filesystems report only on reading that they lack direct I/O.
            guard isDirect, file.setDirect(false) else { throw error }
        }
        return try file.read(into: memory, at: offset, atLeast: length)
    }

    /// Whether `file` holds exactly this content.
    func isWhole(_ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Bool {
        let status = try file.status()
        guard status.isFile, status.size == size else { return false }
        let all = BitSet(below: chunkSize.count(of: size))
        return try good(in: file, among: all, buffer) == all
    }
}

/// Provides memory for one chunk while `body` runs.
func withChunkBuffer<T, E: Error>(
    _ chunkSize: ChunkSize, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> T
) throws(E) -> T {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize.bytes, alignment: 4096)
    defer { memory.deallocate() }
    return try body(memory)
}
