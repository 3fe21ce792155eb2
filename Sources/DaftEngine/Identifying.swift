// Reading a source's chunks and learning their ids, some chunks at a time: two are hashed in hardly more time than one.

import DaftCore
import DaftLink
import DaftStore

/// How many chunks are read and hashed together, each in a slab of its own.
let chunksTogether = 2

/// A chunk of a source: its id, and its bytes unless they are all zeros.
struct ReadChunk {
    let id: ChunkID
    let bytes: UnsafeRawBufferPointer?
}

extension SourceFile {
    /// Reads chunks, at most one for each slab, but no holes. Blocking.
    func read(_ chunks: Range<Int>, of chunkSize: ChunkSize, into slabs: [Slab]) throws(Failure) -> [ReadChunk] {
        var read: [UnsafeRawBufferPointer?] = []
        for (chunk, slab) in zip(chunks, slabs) {
            let bytes = try isHole(chunk, of: chunkSize) ? nil : self.read(chunk, of: chunkSize, into: slab)
            read.append(bytes.flatMap { isZero($0) ? nil : $0 })
        }
        var ids = digests(of: read.compactMap { $0 }).makeIterator()
        return zip(chunks, read).map { chunk, bytes in
            let id = bytes == nil ? nil : ids.next()
            return ReadChunk(id: id ?? zeroChunkID(length: chunkSize.length(of: chunk, in: size)), bytes: bytes)
        }
    }

    private func read(_ chunk: Int, of chunkSize: ChunkSize, into slab: Slab) throws(Failure) -> UnsafeRawBufferPointer
    {
        UnsafeRawBufferPointer(slab.slice(0, try read(chunk, of: chunkSize, into: slab.memory)))
    }

    /// The ids of any number of chunks; the slabs are used again and again. Blocking.
    func identify(_ chunks: Range<Int>, of chunkSize: ChunkSize, scratch: [Slab]) throws(Failure) -> [ChunkID] {
        var ids: [ChunkID] = []
        for first in stride(from: chunks.lowerBound, to: chunks.upperBound, by: scratch.count) {
            let some = first..<min(first + scratch.count, chunks.upperBound)
            ids += try read(some, of: chunkSize, into: scratch).map(\.id)
        }
        return ids
    }
}
