// The part of an ingest that takes in a group of small files, each one chunk or none: one slab for all of them, one
// piece of work on a worker, one transaction of the store.

import DaftCore
import DaftLink
import DaftStore

struct SmallFiles: Sendable {
    private typealias Read = Result<(id: ContentID, manifest: Manifest), Failure>

    private let station: Station
    private let store: Store
    private let order: Ingest
    private let meter: Meter
    private let files: [IngestFile]

    init(_ ingesting: Ingesting, _ files: [IngestFile]) {
        station = ingesting.station
        store = ingesting.store
        order = ingesting.order
        meter = ingesting.meter
        self.files = files
    }

    func run() async -> [Ingested] {
        defer { meter.add(bytes: files.reduce(0) { $0 + $1.info.size }, files: Int64(files.count)) }
        let slab = await station.intake.take()
        do throws(Failure) {
            guard let offer = order.offer else { return try await readHere(slab) }
            return try await readThere(offer, slab)
        } catch {
            return files.map { .failed(Failure(error.kind, $0.info.path, node: error.node, error.reason)) }
        }
    }

    private func readHere(_ slab: Slab) async throws(Failure) -> [Ingested] {
        try await station.work { [self] () throws(Failure) in
            let places = layout(Array(files.indices))
            var wholes: [Whole] = []
            let read = files.indices.map { index in
                Read { () throws(Failure) in
                    let memory = slab.slice(places[index], Int(files[index].info.size))
                    _ = try readWhole(files[index].info, into: memory)
                    let bytes = UnsafeRawBufferPointer(memory)
                    let known = contentOf(index, memory.isEmpty ? nil : digest(of: bytes))
                    wholes.append(Whole(known.id, known.manifest, bytes))
                    return known
                }
            }
            try store.keep(wholes)
            return outcomes(read)
        }
    }

    /// The offering rank reads and hashes; only what this store lacks is moved.
    private func readThere(_ offer: Offer, _ slab: Slab) async throws(Failure) -> [Ingested] {
        let reply = try await station.ask(
            .identify(offer: offer.number, files.map(\.span)), at: offer.rank,
            timeoutMilliseconds: station.settings.loadMilliseconds)
        guard case .identified(let identified) = reply, identified.count == files.count else {
            throw station.unexpected(reply, from: offer.rank)
        }
        let read = zip(files.indices, identified).map { index, answer in
            Read { () throws(Failure) in try identity(index, answer) }
        }
        let wanted = try await lacking(read)
        let arrived = try await load(wanted, offer, slab)
        return try await station.work { [self] () throws(Failure) in
            var read = read
            var wholes: [Whole] = []
            for (index, offset) in zip(wanted, layout(wanted)) {
                read[index] = Read { () throws(Failure) in
                    let known = try read[index].get()
                    let bytes = UnsafeRawBufferPointer(slab.slice(offset, Int(files[index].info.size)))
                    guard arrived.contains(index), bytes.isEmpty || digest(of: bytes) == known.manifest.chunks[0] else {
                        throw Failure(.changed, files[index].info.path, "changed while it was read; not published")
                    }
                    wholes.append(Whole(known.id, known.manifest, bytes))
                    return known
                }
            }
            try store.keep(wholes)
            return outcomes(read)
        }
    }

    private func identity(_ index: Int, _ answer: Identified) throws(Failure) -> (id: ContentID, manifest: Manifest) {
        switch answer {
        case .failed(let failure): throw failure
        case .ids(let ids):
            guard ids.count == order.chunkSize.count(of: files[index].info.size) else {
                throw Failure(.malformed, files[index].info.path, "the rank that offers it sent too few ids")
            }
            return contentOf(index, ids.first)
        }
    }

    private func lacking(_ read: [Read]) async throws(Failure) -> [Int] {
        try await station.work { [self] () throws(Failure) in
            var lacking: [Int] = []
            for (index, result) in read.enumerated() {
                guard case .success(let known) = result else { continue }
                if try store.extent(of: known.id) != .complete { lacking.append(index) }
            }
            return lacking
        }
    }

    /// The files whose bytes came.
    private func load(_ wanted: [Int], _ offer: Offer, _ slab: Slab) async throws(Failure) -> Set<Int> {
        let run = ChunkRun(
            wanted.filter { files[$0].info.size > 0 }.map { index in
                Piece(
                    .offered(offer: offer.number, file: files[index].span.file), chunk: 0,
                    length: Int(files[index].info.size))
            })
        var arrived = Set(wanted.filter { files[$0].info.size == 0 })
        if run.pieces.isEmpty { return arrived }
        do throws(LinkError) {
            let states = try await station.link.load(
                run, from: offer.rank, into: slab, timeoutMilliseconds: station.settings.loadMilliseconds)
            for (index, state) in zip(wanted.filter { files[$0].info.size > 0 }, states) where state == .sent {
                arrived.insert(index)
            }
        } catch {
            throw Failure(.unreachable, [], node: station.roster.node(of: offer.rank), error.reason)
        }
        meter.add(moved: run.byteCount)
        return arrived
    }

    /// Pinned: whatever becomes of it here, nobody else's refusal takes it away before it is published.
    private func contentOf(_ index: Int, _ chunk: ChunkID?) -> (id: ContentID, manifest: Manifest) {
        let manifest = Manifest(
            size: files[index].info.size, chunkSize: order.chunkSize, chunks: chunk.map { [$0] } ?? [])
        let content = manifest.contentID
        station.pins.pin(content)
        return (content, manifest)
    }

    /// Where each of these files lies in the slab.
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

extension Result where Failure == DaftCore.Failure {
    /// What `body` returns or throws.
    init(_ body: () throws(DaftCore.Failure) -> Success) {
        do throws(DaftCore.Failure) { self = .success(try body()) } catch { self = .failure(error) }
    }
}
