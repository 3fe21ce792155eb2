// The part of an ingest that takes in one file chunk by chunk, or a run of its chunks.

import DaftCore
import DaftLink
import DaftStore

struct LargeFile: Sendable {
    private static let pairsUnderWay = 6
    /// How many chunks the offering rank is asked to hash at a time.
    private static let window = 8

    private let station: Station
    private let store: Store
    private let order: Ingest
    private let meter: Meter
    private let file: IngestFile

    init(_ ingesting: Ingesting, _ file: IngestFile) {
        station = ingesting.station
        store = ingesting.store
        order = ingesting.order
        meter = ingesting.meter
        self.file = file
    }

    func run() async throws(Failure) -> Ingested {
        if !file.isPart, let known = try await lookalike() {
            if try await isStill(known) { return .whole(known.contentID, known) }
            station.pins.unpin([known.contentID])
        }
        // One after another: a second filling of the same file would be private, and the parts in it lost.
        await station.claims.claim(file.key)
        defer { station.claims.release(file.key) }
        let filling = try await station.work { [store, file, order] () throws(Failure) in
            try store.ingest(file.key, size: file.info.size, chunkSize: order.chunkSize)
        }
        let ids: [ChunkID]
        do throws(Failure) { ids = try await take(into: filling) } catch {
            // What came so far is there for the next time.
            try? await station.work { () throws(Failure) in try filling.pause() }
            throw error
        }
        return try await station.work { [station, file, order] () throws(Failure) in
            if file.isPart {
                try filling.pause()
                return .part(ids)
            }
            let manifest = Manifest(size: file.info.size, chunkSize: order.chunkSize, chunks: ids)
            let content = manifest.contentID
            station.pins.pin(content)
            try filling.finish(as: content, manifest)
            return .whole(content, manifest)
        }
    }

    // MARK: taken for a content that is here already

    /// A complete content of this store that begins as this file does and is as long; pinned.
    private func lookalike() async throws(Failure) -> Manifest? {
        let first = try await identify(Span(file: file.span.file, first: 0, count: 1))
        return try await station.work { [station, store, file, order] () throws(Failure) in
            guard let id = first.first, let place = try store.whereabouts(of: id), place.chunk == 0,
                let manifest = try store.manifest(of: place.content), manifest.size == file.info.size,
                manifest.chunkSize == order.chunkSize
            else { return nil }
            station.pins.pin(place.content)
            if try store.extent(of: place.content) == .complete { return manifest }
            station.pins.unpin([place.content])
            return nil
        }
    }

    /// Whether all chunks are what `known` says; ends at the first that is not.
    private func isStill(_ known: Manifest) async throws(Failure) -> Bool {
        let ids = try await windows { [self] span in
            await Result.of { () async throws(Failure) in
                let ids = try await identify(span)
                return ids == Array(known.chunks[span.chunks]) ? ids : nil
            }
        }
        if ids != nil { meter.add(bytes: file.info.size, files: 1) }
        return ids == known.chunks
    }

    // MARK: taken in

    private func take(into filling: Filling) async throws(Failure) -> [ChunkID] {
        let source = try await station.work { [order, file] () throws(Failure) in
            order.offer == nil ? try SourceFile(file.info) : nil
        }
        let ids = try await windows(of: order.offer == nil ? chunksTogether : LargeFile.window) { [self] span in
            await Result.of { () async throws(Failure) in
                if let source { return try await takeHere(span, source, filling) }
                return try await takeThere(span, filling)
            }
        }
        if let source { try await station.work { () throws(Failure) in try source.confirm() } }
        meter.add(files: 1)
        return ids ?? []
    }

    /// Reads, hashes and writes chunks of a file of this node.
    private func takeHere(_ span: Span, _ source: SourceFile, _ filling: Filling) async throws(Failure) -> [ChunkID] {
        let slabs = await station.intake.take(chunksTogether, of: order.chunkSize.bytes)
        return try await station.work { [order, meter] () throws(Failure) in
            let read = try source.read(span.chunks, of: order.chunkSize, into: slabs)
            for (chunk, part) in zip(span.chunks, read) {
                if let bytes = part.bytes {
                    if filling.id(of: chunk) != part.id { try filling.write(chunk, part.id, bytes) }
                } else {
                    try filling.leaveHole(chunk, part.id)
                }
                meter.add(bytes: Int64(order.chunkSize.length(of: chunk, in: source.size)))
            }
            return read.map(\.id)
        }
    }

    /// Learns the ids of another node's chunks, and loads those that this store has nowhere.
    private func takeThere(_ span: Span, _ filling: Filling) async throws(Failure) -> [ChunkID] {
        let ids = try await identify(span)
        let slab = await station.intake.take(order.chunkSize.bytes)
        for (chunk, id) in zip(span.chunks, ids) {
            let length = order.chunkSize.length(of: chunk, in: file.info.size)
            let isHere = try await station.work { [store] () throws(Failure) in
                if filling.id(of: chunk) == id { return true }
                if id == zeroChunkID(length: length) {
                    try filling.leaveHole(chunk, id)
                    return true
                }
                guard let place = try store.whereabouts(of: id) else { return false }
                return try filling.copy(chunk, id, from: place, buffer: slab.memory)
            }
            if !isHere { try await load(chunk, id, length, slab, filling) }
            meter.add(bytes: Int64(length))
        }
        return ids
    }

    private func load(
        _ chunk: Int, _ id: ChunkID, _ length: Int, _ slab: Slab, _ filling: Filling
    ) async throws(Failure) {
        guard let offer = order.offer else { return }
        let piece = Piece(.offered(offer: offer.number, file: file.span.file), chunk: chunk, length: length)
        let states: [PieceState]
        do throws(LinkError) {
            states = try await station.link.load(
                ChunkRun([piece]), from: offer.rank, into: slab, timeoutMilliseconds: station.settings.loadMilliseconds)
        } catch {
            throw Failure(.unreachable, file.info.path, node: station.roster.node(of: offer.rank), error.reason)
        }
        meter.add(moved: length)
        try await station.work { [file] () throws(Failure) in
            let bytes = UnsafeRawBufferPointer(slab.slice(0, length))
            guard states == [.sent], digest(of: bytes) == id else {
                throw Failure(.changed, file.info.path, "changed while it was read; it is not published")
            }
            try filling.write(chunk, id, bytes)
        }
    }

    // MARK: both

    /// The ids of a span's chunks, read and hashed here or by the rank that offers the file.
    private func identify(_ span: Span) async throws(Failure) -> [ChunkID] {
        if let offer = order.offer {
            let reply = try await station.ask(
                .identify(offer: offer.number, [span]), at: offer.rank,
                timeoutMilliseconds: station.settings.loadMilliseconds)
            guard case .identified(let answers) = reply, let answer = answers.first else {
                throw station.unexpected(reply, from: offer.rank)
            }
            switch answer {
            case .failed(let failure): throw failure
            case .ids(let ids):
                guard ids.count == span.count else { throw station.unexpected(reply, from: offer.rank) }
                return ids
            }
        }
        let slabs = await station.intake.take(chunksTogether, of: order.chunkSize.bytes)
        return try await station.work { [file, order] () throws(Failure) in
            let source = try SourceFile(file.info)
            let ids = try source.identify(span.chunks, of: order.chunkSize, scratch: slabs)
            try source.confirm()
            return ids
        }
    }

    /// Does `work` on the file's chunks, `size` of them at a time and several such spans at once. Its results are
    /// joined in order; nil or a failure ends it.
    private func windows(
        of size: Int = LargeFile.window, _ work: @escaping @Sendable (Span) async -> Result<[ChunkID]?, Failure>
    ) async throws(Failure) -> [ChunkID]? {
        let all = file.span
        var next = all.first
        var ids: [ChunkID] = []
        var end: Result<Void, Failure>?
        await station.loop.inOrder(width: size == LargeFile.window ? 2 : LargeFile.pairsUnderWay) {
            if Task.isCancelled { end = .failure(Failure(.stopped, file.info.path, "stopped")) }
            guard end == nil, next < all.chunks.upperBound else { return nil }
            defer { next += size }
            return Span(file: all.file, first: next, count: min(size, all.chunks.upperBound - next))
        } work: { span in
            await work(span)
        } take: { result in
            switch result {
            case .success(let more?): ids += more
            case .success(nil): end = end ?? .success(())
            case .failure(let failure): end = end ?? .failure(failure)
            }
        }
        try end?.get()
        return end == nil ? ids : nil
    }
}

extension Result where Failure == DaftCore.Failure {
    /// What `body` returns or throws, in its own time.
    static func of(_ body: () async throws(DaftCore.Failure) -> Success) async -> Self {
        do throws(DaftCore.Failure) { return .success(try await body()) } catch { return .failure(error) }
    }
}
