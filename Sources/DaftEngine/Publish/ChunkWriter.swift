// Writes the chunks of a file being ingested to its partial file and announces them to the next rank of a chain.

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

    /// With reflinks: clones the source into the partial file and returns the clone to read from, else the source.
    /// Blocks.
    func cloned(_ source: SourceFile) throws(Failure) -> SourceFile {
        file.isPart ? source : try partialFile.clone(source) ?? source
    }

    /// Stores chunks read on this node, one per slab. `isStored`: the partial file already holds them. Blocks.
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

    /// Gets a chunk that other ranks have read: from this store, from upstream, or from the offering rank.
    func fetch(_ chunk: Int, _ id: ChunkID, from upstream: Upstream?) async throws(Failure) {
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

    /// Whether a chunk needs no transfer: already ingested, all zeros, or elsewhere in this store.
    private func isNearby(_ chunk: Int, _ id: ChunkID) async throws(Failure) -> Bool {
        let count = length(of: chunk)
        let (isThere, location) = try await station.work { [store, partialFile] () throws(Failure) in
            if partialFile.id(of: chunk) == id { return (true, nil as (content: ContentID, chunk: Int)?) }
            if id == zeroChunkID(length: count) {
                try partialFile.leaveHole(chunk, id)
                return (true, nil)
            }
            return (false, try store.chunkLocation(of: id))
        }
        if isThere || (location == nil && !partialFile.mayHold(chunk)) { return isThere }
        let slab = await station.intake.take(order.chunkSize.bytes)
        return try await station.work { [partialFile] () throws(Failure) in
            try slab.withMutableBytes { (buffer) throws(Failure) in
                if try partialFile.adopt(chunk, id, buffer: buffer) { return true }
                guard let location else { return false }
                return try partialFile.copy(chunk, id, from: location, buffer: buffer)
            }
        }
    }

    // MARK: relay

    /// Lets the next rank of the chain read a chunk while it is being written.
    private func show(_ id: ChunkID, _ count: Int, in slab: Slab) {
        // With compression, only the packed form is relayed.
        if order.chain != nil, station.settings.compression == 0 {
            station.relay.show(ChunkRun([IngestJob.piece(id, count)]), in: slab)
        }
    }

    /// On failure tells the relay, so that nobody waits for the chunk and its memory is released.
    private func noted(_ id: ChunkID, _ chunk: Int, _ body: () throws(Failure) -> Void) throws(Failure) {
        do throws(Failure) { try body() } catch {
            if order.chain != nil { station.relay.note([IngestJob.piece(id, length(of: chunk))], .failed) }
            throw error
        }
    }

    private func isThere(_ chunk: Int, _ id: ChunkID) {
        ingestJob.progressCounter.add(bytes: Int64(length(of: chunk)))
        guard order.chain != nil else { return }
        let location = Relay.Written(partialFile: partialFile, chunk: chunk)
        station.relay.note([IngestJob.piece(id, length(of: chunk))], .written(location))
    }

    private func length(of chunk: Int) -> Int { order.chunkSize.length(of: chunk, in: file.info.size) }
}
