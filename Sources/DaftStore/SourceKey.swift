// Keys of source files before they are read, and ids of all-zero chunks.

import DaftModel
import Glibc
import Synchronization

/// Identifies an unchanged source file and chunk size, to resume an interrupted ingest. The device is excluded, since a
/// remount may renumber it.
public func sourceKey(_ info: SourceFileInfo, host: String, _ chunkSize: ChunkSize) -> Digest {
    var writer = ByteWriter(capacity: 128 + info.path.count)
    writer.text("daft source")
    writer.text(host)
    writer.run(info.path)
    writer.i64(info.size)
    info.mtime.encode(into: &writer)
    info.ctime.encode(into: &writer)
    writer.u64(info.inode)
    chunkSize.encode(into: &writer)
    return digest(of: writer.bytes)
}

private let zeroChunks = Mutex<[Int: ChunkID]>([:])

/// The id of a chunk of `length` zeros; cached for whole pages, of which there are few lengths.
public func zeroChunkID(length: Int) -> ChunkID {
    if let known = zeroChunks.withLock({ $0[length] }) { return known }
    let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: length, alignment: 16)
    defer { zeros.deallocate() }
    zeros.initializeMemory(as: UInt8.self, repeating: 0)
    let id = digest(of: UnsafeRawBufferPointer(zeros))
    if length % ChunkSize.smallest == 0 { zeroChunks.withLock { $0[length] = id } }
    return id
}
