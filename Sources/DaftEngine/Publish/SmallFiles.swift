// The part of an ingest that takes in a group of small files, each of at most one chunk: one slab, one worker job, one
// store transaction.

import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct SmallFiles: Sendable {
    private typealias Read = Result<(id: ContentID, manifest: Manifest), Failure>

    private let ingestJob: IngestJob
    private let files: [IngestFile]
    private let way: IngestJob.Way

    private var station: Station { ingestJob.station }
    private var store: Store { ingestJob.store }
    private var order: Ingest { ingestJob.order }
    private var progressCounter: ProgressCounter { ingestJob.progressCounter }

    init(_ ingestJob: IngestJob, _ files: [IngestFile], _ way: IngestJob.Way) {
        self.ingestJob = ingestJob
        self.files = files
        self.way = way
    }

    func run() async -> [Ingested] {
        defer { progressCounter.add(bytes: files.reduce(0) { $0 + $1.info.size }, files: Int64(files.count)) }
        do throws(Failure) {
            switch way {
            case .path: return try await readHere()
            case .offer:
                try await ingestJob.pace(files.map(\.span))
                return try await fetch(try await ingestJob.identifyAtOffer(files.map(\.span)), from: nil)
            case .chain(let upstream):
                return try await fetch(try await ingestJob.identify(files.map(\.span), from: upstream), from: upstream)
            }
        } catch {
            return files.map { .failed(Failure(error.kind, $0.info.path, node: error.node, error.reason)) }
        }
    }

    private func readHere() async throws(Failure) -> [Ingested] {
        try await ingestJob.pace(files.map(\.span))
        let slab = await station.intake.take(files.reduce(0) { $0 + Int($1.info.size) })
        return try await station.work { [self] () throws(Failure) in
            try slab.withMutableBytes { (memory) throws(Failure) in try readHere(into: memory, of: slab) }
        }
    }

    private func readHere(into room: UnsafeMutableRawBufferPointer, of slab: Slab) throws(Failure) -> [Ingested] {
        let offsets = layout(Array(files.indices))
        var wholes: [SmallContent] = []
        let read = files.indices.map { index in
            Read { () throws(Failure) in
                let end = offsets[index] + Int(files[index].info.size)
                let memory = UnsafeMutableRawBufferPointer(rebasing: room[offsets[index]..<end])
                var times = station.trace.map { [$0.now] }
                _ = try readWhole(files[index].info, into: memory)
                if let trace = station.trace { times?.append(trace.now) }
                let bytes = UnsafeRawBufferPointer(memory)
                let id = memory.isEmpty ? nil : digest(of: bytes)
                if let times, let id {
                    station.trace?.note(
                        [ReadChunk(id: id, bytes: slab.slice(offsets[index], bytes.count))], readAt: times)
                }
                let known = try contentOf(index, id)
                wholes.append(SmallContent(known.id, known.manifest, bytes))
                return known
            }
        }
        announce(read)
        show(wholes, in: slab)
        try keep(wholes)
        return outcomes(read)
    }

    /// Gets ids from other ranks and transfers only contents that this store lacks.
    private func fetch(_ identified: [Identified], from upstream: Upstream?) async throws(Failure) -> [Ingested] {
        let known = await station.workers.run { [self] in
            zip(files.indices, identified).map { index, answer in
                Read { () throws(Failure) in try identity(index, answer) }
            }
        }
        announce(known)
        var lacking = try await lacking(known)
        if let upstream, !lacking.isEmpty {
            let pieces = lacking.map { IngestJob.piece($0.chunk, $0.size) }
            if let loaded = try await upstream.load(pieces, lacking.map(\.chunk)) {
                try await keep(lacking, loaded.slab, loaded.isRight)
                lacking = zip(lacking, loaded.isRight).filter { !$0.1 }.map(\.0)
            }
        }
        var changed: Set<ContentID> = []
        if !lacking.isEmpty {
            let pieces = lacking.map { lack in
                Piece(
                    .offered(offer: order.offer.number, file: files[lack.index].span.file), chunk: 0,
                    length: lack.size)
            }
            let (slab, arrivals) = try await ingestJob.loadFromOffer(pieces, lacking.map(\.chunk))
            let isRight = arrivals.map { $0 == .right }
            try await keep(lacking, slab, isRight)
            changed = Set(zip(lacking, isRight).filter { !$0.1 }.map(\.0.content))
        }
        return outcomes(
            known.enumerated().map { index, result in
                guard case .success(let known) = result, changed.contains(known.id) else { return result }
                return .failure(
                    Failure(.changed, files[index].info.path, "changed while it was read; not published"))
            })
    }

    /// A content whose bytes this store lacks.
    private struct MissingFile {
        let index: Int
        let content: ContentID
        let manifest: Manifest
        let chunk: ChunkID

        var size: Int { Int(manifest.size) }
    }

    private func identity(_ index: Int, _ answer: Identified) throws(Failure) -> (id: ContentID, manifest: Manifest) {
        if case .failed(let failure) = answer { throw failure }
        guard case .ids(let ids) = answer, ids.count == order.chunkSize.count(of: files[index].info.size) else {
            throw Failure(.malformed, files[index].info.path, "the rank that offers it does not say what it is")
        }
        return try contentOf(index, ids.first)
    }

    /// Announces the ids to the next rank of the chain.
    private func announce(_ known: [Read]) {
        for (file, result) in zip(files, known) {
            switch result {
            case .success(let known): ingestJob.announce(known.manifest.chunks, of: file.span)
            case .failure(let failure): ingestJob.announce(failure, of: file.span.file)
            }
        }
    }

    /// The contents to load, each once. Empty contents are stored right away.
    private func lacking(_ known: [Read]) async throws(Failure) -> [MissingFile] {
        try await station.work { [self] () throws(Failure) in
            var seen: Set<ContentID> = []
            var lacking: [MissingFile] = []
            var empty: [SmallContent] = []
            for (index, result) in known.enumerated() {
                guard case .success(let known) = result, seen.insert(known.id).inserted,
                    try store.extent(of: known.id) != .complete
                else { continue }
                if let chunk = known.manifest.chunks.first {
                    lacking.append(MissingFile(index: index, content: known.id, manifest: known.manifest, chunk: chunk))
                } else {
                    empty.append(SmallContent(known.id, known.manifest, UnsafeRawBufferPointer(start: nil, count: 0)))
                }
            }
            try keep(empty)
            return lacking
        }
    }

    /// Stores the verified contents of a slab.
    private func keep(_ lacking: [MissingFile], _ slab: Slab, _ isRight: [Bool]) async throws(Failure) {
        try await station.work { [self] () throws(Failure) in
            try slab.withBytes { (bytes) throws(Failure) in
                var offset = 0
                var wholes: [SmallContent] = []
                for (lack, isRight) in zip(lacking, isRight) {
                    let part = UnsafeRawBufferPointer(rebasing: bytes[offset..<offset + lack.size])
                    if isRight { wholes.append(SmallContent(lack.content, lack.manifest, part)) }
                    offset += lack.size
                }
                try keep(wholes)
            }
        }
    }

    /// Lets the next rank of the chain read the group while it is being written, if all of it could be read.
    private func show(_ wholes: [SmallContent], in slab: Slab) {
        if order.chain == nil || wholes.count < files.count || station.settings.compression > 0 { return }
        station.relay.show(ChunkRun(pieces(of: wholes)), in: slab)
    }

    private func pieces(of wholes: [SmallContent]) -> [Piece] {
        wholes.compactMap { whole in whole.manifest.chunks.first.map { IngestJob.piece($0, whole.bytes.count) } }
    }

    private func keep(_ wholes: [SmallContent]) throws(Failure) {
        let result = Result { () throws(Failure) in
            try station.trace.written(wholes.map(\.manifest)) { () throws(Failure) in try store.keep(wholes) }
        }
        if order.chain != nil {
            let pieces = pieces(of: wholes)
            if case .success = result { station.relay.note(pieces, .kept) } else { station.relay.note(pieces, .failed) }
        }
        try result.get()
    }

    /// The content of a file, retained so that nobody discards it before it is published. Blocks.
    private func contentOf(_ index: Int, _ chunk: ChunkID?) throws(Failure) -> (id: ContentID, manifest: Manifest) {
        let file = files[index]
        let chunks = chunk.map { [$0] } ?? []
        try PublishedFile(of: file, order.chunkSize, in: station.catalogue)?.admit(chunks, of: file.span)
        let manifest = Manifest(size: file.info.size, chunkSize: order.chunkSize, chunks: chunks)
        let content = manifest.contentID
        store.retain(content)
        return (content, manifest)
    }

    /// Offsets of these files in the slab.
    private func layout(_ indices: [Int]) -> [Int] {
        var sum = 0
        return indices.map { index in
            defer { sum += Int(files[index].info.size) }
            return sum
        }
    }

    private func outcomes(_ read: [Read]) -> [Ingested] {
        read.map { result in
            switch result {
            case .success(let known): .whole(known.id, known.manifest)
            case .failure(let failure): .failed(failure.at(station.settings.host))
            }
        }
    }
}
