// Reads and hashes chunks of a source, two at a time: hashing two takes hardly longer than one.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

/// Chunks read and hashed together, each in its own slab.
let chunksTogether = 2

/// A chunk of a source: its id, and its bytes unless all are zero.
struct ReadChunk {
    let id: ChunkID
    let bytes: SlabSlice?
}

extension SourceFile {
    /// Reads at most one chunk per slab; holes are not read. Blocks.
    func read(
        _ chunks: Range<Int>, of chunkSize: ChunkSize, into slabs: [Slab], trace: Trace?
    ) throws(Failure) -> [ReadChunk] {
        var read: [SlabSlice?] = []
        var times: [UInt64] = []
        for (chunk, slab) in zip(chunks, slabs) {
            if let trace { times.append(trace.now) }
            let bytes = try isHole(chunk, of: chunkSize) ? nil : self.read(chunk, of: chunkSize, into: slab)
            read.append(bytes.flatMap { $0.withBytes(isZero) ? nil : $0 })
        }
        if let trace { times.append(trace.now) }
        var ids = read.compactMap { $0 }.withAllBytes { digests(of: $0) }.makeIterator()
        let result = zip(chunks, read).map { chunk, bytes in
            let id = bytes == nil ? nil : ids.next()
            return ReadChunk(id: id ?? zeroChunkID(length: chunkSize.length(of: chunk, in: size)), bytes: bytes)
        }
        trace?.note(result, readAt: times)
        return result
    }

    private func read(_ chunk: Int, of chunkSize: ChunkSize, into slab: Slab) throws(Failure) -> SlabSlice {
        let count = try slab.withMutableBytes { (memory) throws(Failure) in
            try read(chunk, of: chunkSize, into: memory)
        }
        return slab.slice(0, count)
    }

    /// The ids of any number of chunks; reuses the slabs. Blocks.
    func identify(_ chunks: Range<Int>, of chunkSize: ChunkSize, scratch: [Slab], trace: Trace?) throws(Failure)
        -> [ChunkID]
    {
        var ids: [ChunkID] = []
        for first in stride(from: chunks.lowerBound, to: chunks.upperBound, by: scratch.count) {
            let some = first..<min(first + scratch.count, chunks.upperBound)
            ids += try read(some, of: chunkSize, into: scratch, trace: trace).map(\.id)
        }
        return ids
    }
}

extension Trace {
    /// Traces chunks that were read one after another and then hashed together until now. Zero chunks are not traced.
    func note(_ chunks: [ReadChunk], readAt times: [UInt64]) {
        guard let hashing = times.last else { return }
        let end = now
        for (index, chunk) in chunks.enumerated() {
            guard let bytes = chunk.bytes?.count else { continue }
            let subject = TraceEvent.Subject(chunk: chunk.id)
            note(TraceEvent(.read, subject, bytes: bytes, from: times[index], to: times[index + 1]))
            note(TraceEvent(.hashed, subject, bytes: bytes, from: hashing, to: end))
        }
    }
}
