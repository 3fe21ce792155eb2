// Writes each chunk of a file that is taken in to its partial file, and tells the next in a chain.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct ChunkWriter: Sendable {
    private let ingestJob: IngestJob
    private let file: IngestFile
    private let partialFile: PartialFile

    private var station: Station { ingestJob.station }
    private var store: Store { ingestJob.store }
    private var order: Ingest { ingestJob.order }

    init(_ ingestJob: IngestJob, _ file: IngestFile, _ partialFile: PartialFile) {
        self.ingestJob = ingestJob
        self.file = file
        self.partialFile = partialFile
    }

    /// The source, read in a clone that is the partial file, where the filesystem has reflinks. Blocking.
    func cloned(_ source: SourceFile) throws(Failure) -> SourceFile {
        file.isPart ? source : try partialFile.clone(source) ?? source
    }

    /// Chunks that were read here, each in a slab of its own; `isStored`: in the partial file. Blocking.
    func keep(_ chunks: [ReadChunk], of span: Span, in slabs: [Slab], isStored: Bool) throws(Failure) {
        for (part, slab) in zip(chunks, slabs) {
            if let bytes = part.bytes { show(part.id, bytes.count, in: slab) }
        }
        for (chunk, part) in zip(span.chunks, chunks) {
            try noted(part.id, chunk) { () throws(Failure) in
                if let bytes = part.bytes {
                    if isStored {
                        try partialFile.keep(chunk, part.id)
                    } else if partialFile.id(of: chunk) != part.id {
                        try write(chunk, part.id, bytes)
                    }
                } else {
                    try partialFile.leaveHole(chunk, part.id)
                }
            }
            isThere(chunk, part.id)
        }
    }

    /// A chunk that others have read, from where it is: in this store, upstream, or at the rank that offers the file.
    func bring(_ chunk: Int, _ id: ChunkID, from upstream: Upstream?) async throws(Failure) {
        if try await !isNearby(chunk, id) {
            let slab = try await loaded(chunk, id, from: upstream)
            let count = length(of: chunk)
            try await station.work { [self] () throws(Failure) in
                try noted(id, chunk) { () throws(Failure) in
                    try write(chunk, id, slab.slice(0, count))
                }
            }
        }
        isThere(chunk, id)
    }

    private func loaded(_ chunk: Int, _ id: ChunkID, from upstream: Upstream?) async throws(Failure) -> Slab {
        if let loaded = try await upstream?.load([IngestJob.piece(id, length(of: chunk))], [id]) { return loaded.slab }
        let piece = Piece(
            .offered(offer: order.offer.number, file: file.span.file), chunk: chunk, length: length(of: chunk))
        let (slab, arrivals) = try await ingestJob.loadFromOffer([piece], [id])
        guard arrivals == [.right] else {
            throw Failure(.changed, file.info.path, "changed while it was read; it is not published")
        }
        return slab
    }

    private func write(_ chunk: Int, _ id: ChunkID, _ bytes: SlabSlice) throws(Failure) {
        try station.trace.timed(.written, TraceEvent.Subject(chunk: id), bytes: bytes.count) { () throws(Failure) in
            try bytes.withBytes { (bytes) throws(Failure) in try partialFile.write(chunk, id, bytes) }
        }
    }

    /// Whether a chunk is there without being moved: taken in already, all zeros, or somewhere in this store.
    private func isNearby(_ chunk: Int, _ id: ChunkID) async throws(Failure) -> Bool {
        let count = length(of: chunk)
        let (isThere, place) = try await station.work { [store, partialFile] () throws(Failure) in
            if partialFile.id(of: chunk) == id { return (true, nil as (content: ContentID, chunk: Int)?) }
            if id == zeroChunkID(length: count) {
                try partialFile.leaveHole(chunk, id)
                return (true, nil)
            }
            return (false, try store.whereabouts(of: id))
        }
        if isThere || (place == nil && !partialFile.mayHold(chunk)) { return isThere }
        let slab = await station.intake.take(order.chunkSize.bytes)
        return try await station.work { [partialFile] () throws(Failure) in
            try slab.withMutableBytes { (buffer) throws(Failure) in
                if try partialFile.adopt(chunk, id, buffer: buffer) { return true }
                guard let place else { return false }
                return try partialFile.copy(chunk, id, from: place, buffer: buffer)
            }
        }
    }

    // MARK: what the chain hears

    /// The next in the chain may have a chunk while it is being written.
    private func show(_ id: ChunkID, _ count: Int, in slab: Slab) {
        // Packed, it is of use to the others only when it has been packed.
        if order.chain != nil, station.settings.compression == 0 {
            station.relay.show(ChunkRun([IngestJob.piece(id, count)]), in: slab)
        }
    }

    /// Says so when a chunk cannot be kept: nobody need wait for it here, and the relay lets go of its memory.
    private func noted(_ id: ChunkID, _ chunk: Int, _ body: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) { try body() } catch {
            if order.chain != nil { station.relay.note([IngestJob.piece(id, length(of: chunk))], .failed) }
            throw error
        }
    }

    private func isThere(_ chunk: Int, _ id: ChunkID) {
        ingestJob.progressCounter.add(bytes: Int64(length(of: chunk)))
        guard order.chain != nil else { return }
        let place = Relay.Written(partialFile: partialFile, chunk: chunk)
        station.relay.note([IngestJob.piece(id, length(of: chunk))], .written(place))
    }

    private func length(of chunk: Int) -> Int { order.chunkSize.length(of: chunk, in: file.info.size) }
}
