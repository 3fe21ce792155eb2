// Re-reading what is kept: which chunks of a file have the bytes that their ids say.

import DaftModel
import Glibc

/// The id of an all-zero chunk that is not the last, shorter one.
func zeroID(_ chunkSize: ChunkSize) -> ChunkID { zeroChunkID(length: chunkSize.bytes) }

/// A file and what its chunks ought to be.
struct ChunkCheck {
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

    /// Those of `chunks` whose bytes in `file` are right. Holes are not read. Bytes that the disk cannot give back any
    /// more are wrong; any other error says nothing about them.
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
            // While this one is hashed, the disk reads the next.
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
            // Some filesystems say only now that they cannot.
            guard isDirect, file.setDirect(false) else { throw error }
        }
        return try file.read(into: memory, at: offset, atLeast: length)
    }

    /// Whether `file` is this content to the last byte.
    func isWhole(_ file: Descriptor, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Bool {
        let status = try file.status()
        guard status.isFile, status.size == size else { return false }
        let all = BitSet(below: chunkSize.count(of: size))
        return try good(in: file, among: all, buffer) == all
    }
}

/// Memory for one chunk, for as long as `body` runs.
func withChunkBuffer<T, E: Error>(
    _ chunkSize: ChunkSize, _ body: (UnsafeMutableRawBufferPointer) throws(E) -> T
) throws(E) -> T {
    let memory = UnsafeMutableRawBufferPointer.allocate(byteCount: chunkSize.bytes, alignment: 4096)
    defer { memory.deallocate() }
    return try body(memory)
}
