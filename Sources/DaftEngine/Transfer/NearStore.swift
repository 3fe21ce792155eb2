// Reads contents of stores on this node directly from their files, without the link.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

extension Station {
    /// The store of a rank, if this process has it open.
    func nearStore(_ rank: Rank) -> Store? {
        if rank == self.rank { return store }
        guard let store = neighbours.withLock({ $0[rank] }), link.ranks.contains(rank) else { return nil }
        return store
    }

    /// Reads into the slab what that rank would send; nil if it can only be reached over the link.
    func readNear(_ run: ChunkRun, from rank: Rank, into slab: Slab) async -> [PieceState]? {
        let store = nearStore(rank)
        guard rank == self.rank || store != nil else { return nil }
        return await workers.run { [self] in
            zip(run.pieces, run.offsets).map { piece, offset in
                slab.slice(offset, piece.length).withMutableBytes { memory in
                    if rank == self.rank { return ChunkServer(station: self, run: run).read(piece, into: memory) }
                    // A store that cannot be read here is asked over the link, like one of another node.
                    guard case .kept(let content) = piece.origin,
                        (try? store?.read(piece.chunk, of: content, into: memory)) == memory.count
                    else { return .missing }
                    return .sent
                }
            }
        }
    }
}

/// Copies chunks from the file of a store on this node to a target. With reflinks the target shares the file's blocks
/// and the chunks are only verified. The caller must fetch chunks that turn out wrong.
struct NearCopy: Sendable {
    private let station: Station
    private let wanted: Wanted
    private let sink: any NearSink
    private let file: KeptFile
    private let isShared: Bool

    /// Nil if no store of this node keeps the whole content or can open it, or the target cannot use it.
    init?(of wanted: Wanted, in store: Store, to sink: any NearSink, at station: Station) throws(Failure) {
        guard let kept = try? store.file(of: wanted.content) else { return nil }
        let shared = try sink.share(kept)
        (self.station, self.wanted, self.sink) = (station, wanted, sink)
        (file, isShared) = (shared ?? kept, shared != nil)
    }

    /// Copies chunks; returns those that could not be read or failed verification.
    func copy(_ chunks: [Int]) async throws(Failure) -> [Int] {
        let slabs = await station.intake.take(chunks.count, of: wanted.manifest.chunkSize.bytes)
        return try await station.work { () throws(Failure) in try copy(chunks, through: slabs) }
    }

    private func copy(_ chunks: [Int], through slabs: [Slab]) throws(Failure) -> [Int] {
        var read: [(chunk: Int, bytes: SlabSlice)] = []
        var rest: [Int] = []
        let begun = station.trace?.now
        for (chunk, slab) in zip(chunks, slabs) {
            let (id, length) = (wanted.manifest.chunks[chunk], wanted.manifest.length(of: chunk))
            if id == zeroChunkID(length: length) {
                try sink.leaveHole(chunk, id)
            } else if let count = try? slab.withMutableBytes({ try file.read(chunk, into: $0) }), count == length {
                read.append((chunk, slab.slice(0, count)))
            } else {
                rest.append(chunk)
            }
        }
        let ids = read.map(\.bytes).withAllBytes { digests(of: $0) }
        for ((chunk, bytes), id) in zip(read, ids) {
            guard id == wanted.manifest.chunks[chunk] else {
                rest.append(chunk)
                continue
            }
            let subject = TraceEvent.Subject(wanted.piece(chunk), chunk: id)
            if let begun, let trace = station.trace {
                trace.note(TraceEvent(.verified, subject, bytes: bytes.count, from: begun, to: trace.now))
            }
            if isShared { sink.keep(chunk) } else { try write(chunk, bytes, subject) }
        }
        return rest
    }

    private func write(_ chunk: Int, _ bytes: SlabSlice, _ subject: TraceEvent.Subject) throws(Failure) {
        try station.trace.timed(.written, subject, bytes: bytes.count) { () throws(Failure) in
            try bytes.withBytes { (bytes) throws(Failure) in try sink.write(chunk, wanted.manifest.chunks[chunk], bytes)
            }
        }
    }
}
