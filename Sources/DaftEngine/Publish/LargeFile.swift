// The part of an ingest that takes in one file, or a range of its chunks, chunk by chunk.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

struct LargeFile: Sendable {
    /// Spans in flight at once: read here, offered by another rank, received along a chain.
    private static let readsUnderWay = 6
    private static let offersUnderWay = 2
    private static let arrivalsUnderWay = 8
    private static let limitedUnderWay = 2
    /// Chunks that the offering rank hashes per request.
    private static let window = 8

    private let ingestJob: IngestJob
    private let file: IngestFile
    private var publishedFile: PublishedFile?
    private let first = FirstReservation()

    private var station: Station { ingestJob.station }
    private var store: Store { ingestJob.store }
    private var order: Ingest { ingestJob.order }
    private var progressCounter: ProgressCounter { ingestJob.progressCounter }

    init(_ ingestJob: IngestJob, _ file: IngestFile) {
        self.ingestJob = ingestJob
        self.file = file
    }

    mutating func run() async throws(Failure) -> Ingested {
        do throws(Failure) {
            if file.publishedContent != nil {
                publishedFile = try await station.work { [file, order, station] () throws(Failure) in
                    try PublishedFile(of: file, order.chunkSize, in: station.catalogue)
                }
            }
            if let known = try await alreadyHere() { return .whole(known.contentID, known) }
        } catch {
            giveUp(nil)
            throw error
        }
        // Serialize per source: a second partial file of it would be private, and its chunks lost.
        await station.contentLocks.claim(file.key)
        defer { station.contentLocks.release(file.key) }
        let partialFile: PartialFile
        do throws(Failure) { partialFile = try await begin() } catch {
            giveUp(nil)
            throw error
        }
        let ids: [ChunkID]
        do throws(Failure) { ids = try await take(into: ChunkWriter(ingestJob, file, partialFile)) } catch {
            giveUp(partialFile)
            // Keep the chunks for a retry, unless the file was refused. The caller gets the first error.
            let isRefused = error.kind == .taken
            try? await station.work { () throws(Failure) in
                if isRefused { partialFile.abandon() } else { try partialFile.pause() }
            }
            throw error
        }
        return try await station.work { [station, store, file, order] () throws(Failure) in
            if file.isPart {
                if partialFile.have != BitSet(file.span.chunks) {
                    station.keepsMore.withLock { _ = $0.insert(file.key) }
                }
                try partialFile.pause()
                return .part(ids)
            }
            let manifest = Manifest(size: file.info.size, chunkSize: order.chunkSize, chunks: ids)
            let content = manifest.contentID
            store.retain(content)
            try partialFile.finish(as: content, manifest)
            return .whole(content, manifest)
        }
    }

    private func begin() async throws(Failure) -> PartialFile {
        try await station.work { [store, file, order] () throws(Failure) in
            try store.ingest(file.key, size: file.info.size, chunkSize: order.chunkSize)
        }
    }

    /// Tells the next rank of the chain not to wait for this file.
    private func giveUp(_ partialFile: PartialFile?) {
        guard order.chain != nil else { return }
        let ids = station.chainChunkIDs.giveUp(file.span.file, in: order.offer)
        let have = partialFile?.have ?? BitSet()
        let missing = ids.filter { !have.contains($0.key) }.map {
            IngestJob.piece($0.value, order.chunkSize.length(of: $0.key, in: file.info.size))
        }
        station.relay.note(missing, .failed)
    }

    // MARK: comparison with a stored content

    private func alreadyHere() async throws(Failure) -> Manifest? {
        guard !file.isPart, let known = try await lookalike() else { return nil }
        if try await isStill(known) { return known }
        store.release([known.contentID])
        return nil
    }

    /// A complete content of this store with the same first chunk and size; retained.
    private func lookalike() async throws(Failure) -> Manifest? {
        let first = try await identify(Span(file: file.span.file, first: 0, count: 1))
        self.first.isTaken.store(order.limit != nil, ordering: .relaxed)
        return try await station.work { [store, file, order] () throws(Failure) in
            guard let id = first.first, let location = try store.chunkLocation(of: id), location.chunk == 0,
                let manifest = try store.manifest(of: location.content), manifest.size == file.info.size,
                manifest.chunkSize == order.chunkSize
            else { return nil }
            store.retain(location.content)
            if try store.extent(of: location.content) == .complete { return manifest }
            store.release([location.content])
            return nil
        }
    }

    /// Whether all chunks equal those of `known`; stops at the first difference.
    private func isStill(_ known: Manifest) async throws(Failure) -> Bool {
        let ids = try await forAll(of: order.limit == nil ? LargeFile.window : 1, underWay: 2) {
            [self] (span) async throws(Failure) in
            let ids = try await identify(span)
            return ids == Array(known.chunks[span.chunks]) ? ids : nil
        }
        if ids != nil { progressCounter.add(bytes: file.info.size, files: 1) }
        return ids == known.chunks
    }

    // MARK: ingest

    private func take(into partialFile: ChunkWriter) async throws(Failure) -> [ChunkID] {
        let source: SourceFile?
        do throws(Failure) {
            source = try await station.work { [order, file] () throws(Failure) in
                order.isHere ? try partialFile.cloned(SourceFile(file.info)) : nil
            }
        } catch {
            ingestJob.announce(error, of: file.span.file)
            throw error
        }
        let (size, width) =
            switch (order.chain, order.isHere) {
            // With a limit each chunk is passed on as soon as it is read.
            case _ where order.limit != nil: (1, LargeFile.limitedUnderWay)
            case (nil, false): (LargeFile.window, LargeFile.offersUnderWay)
            case (nil, true): (chunksTogether, LargeFile.readsUnderWay)
            case (_?, _): (chunksTogether, LargeFile.arrivalsUnderWay)
            }
        let ids = try await forAll(of: size, underWay: width) { [self] (span) async throws(Failure) in
            switch way(to: span.first) {
            case .path: return try await read(span, source, partialFile)
            case .offer: return try await fetch(span, from: nil, partialFile)
            case .chain(let upstream): return try await fetch(span, from: upstream, partialFile)
            }
        }
        if let source { try await confirm(source) }
        progressCounter.add(files: 1)
        return ids ?? []
    }

    private func confirm(_ source: SourceFile) async throws(Failure) {
        do throws(Failure) { try await station.work { () throws(Failure) in try source.confirm() } } catch {
            ingestJob.announce(error, of: file.span.file)
            throw error
        }
    }

    /// Reads, hashes and writes chunks of a file on this node.
    private func read(
        _ span: Span, _ source: SourceFile?, _ partialFile: ChunkWriter
    ) async throws(Failure) -> [ChunkID]? {
        guard let source else { return nil }
        try await pace(span)
        let slabs = await station.intake.take(chunksTogether, of: order.chunkSize.bytes)
        return try await whileReading { [ingestJob, publishedFile] () throws(Failure) in
            let chunks: [ReadChunk]
            do throws(Failure) {
                chunks = try source.read(span.chunks, of: order.chunkSize, into: slabs, trace: station.trace)
            } catch {
                ingestJob.announce(error, of: span.file)
                throw error
            }
            ingestJob.announce(chunks.map(\.id), of: span)
            try publishedFile?.admit(chunks.map(\.id), of: span)
            try partialFile.keep(chunks, of: span, in: slabs, isStored: source.isCloned)
            return chunks.map(\.id)
        }
    }

    /// Runs work that reads the source.
    private func whileReading<T: Sendable>(
        _ body: @escaping @Sendable () throws(Failure) -> T
    ) async throws(Failure) -> T {
        guard order.chain != nil else { return try await station.work(body) }
        await station.reading.enter()
        defer { station.reading.leave() }
        return try await station.work(body)
    }

    /// Learns chunk ids from other ranks and fetches those chunks that this store lacks.
    private func fetch(
        _ span: Span, from upstream: Upstream?, _ partialFile: ChunkWriter
    ) async throws(Failure) -> [ChunkID] {
        let ids = try await identify(span)
        for (chunk, id) in zip(span.chunks, ids) { try await partialFile.fetch(chunk, id, from: upstream) }
        return ids
    }

    // MARK: common

    private func pace(_ span: Span) async throws(Failure) {
        if span.first == 0, first.isTaken.exchange(false, ordering: .relaxed) { return }
        try await ingestJob.pace([span])
    }

    private func way(to chunk: Int) -> IngestJob.Way {
        ingestJob.way(to: chunk - file.span.first, of: file.span.count)
    }

    /// The ids of a span's chunks, hashed here or by others.
    private func identify(_ span: Span) async throws(Failure) -> [ChunkID] {
        let answers: [Identified]
        switch way(to: span.first) {
        case .path:
            do throws(Failure) { answers = [.ids(try await identifyHere(span))] } catch { answers = [.failed(error)] }
        case .offer:
            try await pace(span)
            answers = try await ingestJob.identifyAtOffer([span])
        case .chain(let upstream): answers = try await ingestJob.identify([span], from: upstream)
        }
        switch answers[0] {
        case .ids(let ids) where ids.count == span.count:
            ingestJob.announce(ids, of: span)
            try publishedFile?.admit(ids, of: span)
            return ids
        case .failed(let failure):
            ingestJob.announce(failure, of: span.file)
            throw failure
        default: throw Failure(.malformed, file.info.path, "the rank that offers it does not say what it is")
        }
    }

    private func identifyHere(_ span: Span) async throws(Failure) -> [ChunkID] {
        try await pace(span)
        let slabs = await station.intake.take(chunksTogether, of: order.chunkSize.bytes)
        return try await whileReading { [station, file, order] () throws(Failure) in
            let source = try SourceFile(file.info)
            let ids = try source.identify(span.chunks, of: order.chunkSize, scratch: slabs, trace: station.trace)
            try source.confirm()
            return ids
        }
    }

    /// Runs `work` on spans of the file, several at once, and joins the results. A nil or a failure stops it.
    private func forAll(
        of size: Int, underWay: Int, _ work: @escaping @Sendable (Span) async throws(Failure) -> [ChunkID]?
    ) async throws(Failure) -> [ChunkID]? {
        var spans = spans(of: size).makeIterator()
        var ids: [Int: [ChunkID]] = [:]
        var end: Result<Void, Failure>?
        await station.loop.inOrder(width: underWay) {
            if Task.isCancelled { end = .failure(Failure(.stopped, file.info.path, "stopped")) }
            return end == nil ? spans.next() : nil
        } work: { span in
            (span, await Result.of { () async throws(Failure) in try await work(span) })
        } take: { span, result in
            switch result {
            case .success(let some?): ids[span.first] = some
            case .success(nil): end = end ?? .success(())
            case .failure(let failure): end = end ?? .failure(failure)
            }
        }
        try end?.get()
        return end == nil ? ids.sorted { $0.key < $1.key }.flatMap(\.value) : nil
    }

    /// The spans of the whole file, each read by one rank of the chain: own spans first, then those of the nearest
    /// upstream readers, which arrive first.
    private func spans(of size: Int) -> [Span] {
        let count = file.span.count
        var spans: [(span: Span, distance: Int)] = []
        var next = 0
        while next < count {
            let reader = order.chain?.reader(of: next, among: count)
            var end = next + 1
            while end < min(next + size, count), order.chain?.reader(of: end, among: count) == reader { end += 1 }
            let distance = reader.flatMap { order.chain?.distance(from: station.rank, upTo: $0) } ?? 0
            spans.append((Span(file: file.span.file, first: file.span.first + next, count: end - next), distance))
            next = end
        }
        return spans.sorted { ($0.distance, $0.span.first) < ($1.distance, $1.span.first) }.map(\.span)
    }
}

/// Set once the first chunk has had its turn with the throttle: it may be read a second time without waiting.
private final class FirstReservation: Sendable {
    let isTaken = Atomic(false)
}
