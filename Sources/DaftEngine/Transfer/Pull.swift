// Transfers contents to a destination: the common loop of get, fetch, repair, verify and broadcasts of published names.
//
//   1. Small contents are packed: one slab and one request carry many from a common source.
//   2. A larger one comes chunk by chunk, several at once. Ranks that load the same content form a swarm: each takes
//      from the rank before it what that one is receiving.
//   3. A chunk that the destination has, or that is all zeros, is not transferred.
//   4. A content that no source can give fails with the reason; the others continue.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

actor Pull {
    typealias Done = @Sendable (Wanted, Failure?) async -> Void

    private static let runsUnderWay = 8
    private static let packPieces = 256

    private let station: Station
    private nonisolated let loop: any Loop
    private let destination: any Destination
    private let selector: SourceSelector
    private let progressCounter: ProgressCounter
    private let chain: Chain?
    private let upstream: Upstream?
    private let done: Done
    private let throttle: Throttle?
    private let stop = Event()
    /// This pull's number in the store's content locks.
    private nonisolated let number: Int
    private let gate = AsyncSemaphore(width: Pull.runsUnderWay)
    private let files = AsyncSemaphore(width: 4)
    private var packs: [Rank: [Wanted]] = [:]
    private var packed: [Rank: Int] = [:]

    /// `done` receives every content, in no particular order.
    init(
        _ station: Station, to destination: any Destination, progressCounter: ProgressCounter, chain: Chain? = nil,
        throttle: Throttle? = nil, done: @escaping Done
    ) {
        self.station = station
        self.destination = destination
        self.progressCounter = progressCounter
        self.done = done
        self.chain = chain
        self.throttle = throttle
        upstream = chain.map { [stop] in
            Upstream(station, $0, throttle?.rate, progressCounter: progressCounter, stop: stop)
        }
        loop = station.loop
        number = station.contentLocks.enter()
        selector = SourceSelector(
            station, progressCounter: progressCounter, isForOwnStore: destination.isOwnStore, stop: stop)
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    /// Starts one content; waits while too many are in flight.
    func fetch(_ wanted: Wanted) async {
        if wanted.manifest.size <= IngestJob.smallFile, wanted.manifest.chunks.count <= 1 {
            await pack(wanted)
        } else {
            await files.enter()
            loop.start { [self] in
                await ended(wanted, await large(wanted))
                files.leave()
            }
        }
    }

    /// Prepares for contents that are brought next.
    func lookUp(_ wanted: [Wanted]) async throws(Failure) { try await selector.lookUp(wanted) }

    /// Ranks with requests outstanding.
    var asked: [Rank] { get async { await selector.asked } }

    /// Runs `body`, which starts contents, and waits for all of them. Cancellation starts nothing more and fails those
    /// in flight as stopped.
    nonisolated func run(_ body: () async throws(Failure) -> Void) async -> Result<Void, Failure> {
        defer { station.contentLocks.leave() }
        return await withTaskCancellationHandler {
            let end = await Result.of(body)
            await finish()
            return end
        } onCancel: { [stop] in
            stop.set()
        }
    }

    private func finish() async {
        await sendPacks()
        await files.drain()
        await gate.drain()
    }

    /// Whether no other order has stored anything at this station meanwhile.
    nonisolated var isOnlyOrder: Bool { station.contentLocks.isOnlyOrder(number) }

    /// Acquires the content lock. Sends the packs first: the holder may wait for a content that is packed here.
    func claim(_ content: ContentID) async {
        if station.contentLocks.claimIfFree(content) { return }
        await sendPacks()
        await station.contentLocks.claim(content)
    }

    private func sendPacks() async {
        for source in packs.keys.sorted() { await send(source) }
    }

    // MARK: small contents

    private func pack(_ wanted: Wanted) async {
        if wanted.manifest.chunks.isEmpty { return await deliver([wanted], nil) }
        let source: Rank
        do throws(Failure) {
            guard let likely = try await likelySource(of: wanted) else {
                return await deliver([wanted], try await selector.obtain(wanted, chunk: 0))
            }
            source = likely
        } catch {
            return await ended(wanted, named(error, wanted))
        }
        let size = Int(wanted.manifest.size)
        if packed[source, default: 0] + size > station.intake.slabBytes
            || packs[source, default: []].count == Pull.packPieces
        {
            await send(source)
        }
        packs[source, default: []].append(wanted)
        packed[source, default: 0] += size
    }

    /// The source to ask for a small content; contents with a common source are packed together.
    private func likelySource(of wanted: Wanted) async throws(Failure) -> Rank? {
        if let chain { return try await selector.nearest(in: chain, wanted, chunk: 0) }
        return try await selector.likelySource(of: wanted)
    }

    private func send(_ source: Rank) async {
        guard let pack = packs.removeValue(forKey: source), !pack.isEmpty else { return }
        packed[source] = nil
        await gate.enter()
        loop.start { [self] in
            await carry(pack, from: source)
            gate.leave()
        }
    }

    private func carry(_ pack: [Wanted], from source: Rank) async {
        for wanted in await leftBehind(by: pack, from: source) { await single(wanted) }
    }

    /// The contents of a pack that failed. Returns its slab before any of them requests another.
    private func leftBehind(by pack: [Wanted], from source: Rank) async -> [Wanted] {
        if stop.isSet {
            for wanted in pack { await ended(wanted, Failure(.stopped, wanted.name, "stopped")) }
            return []
        }
        let pieces = pack.map { $0.piece(0) }
        do throws(Failure) {
            try await throttle?.pass(pieces.reduce(0) { $0 + Int64($1.length) }, at: station, stop)
            if let upstream {
                let ids = pack.map { $0.manifest.chunks[0] }
                guard let loaded = try await upstream.load(pieces, ids, upTo: source) else { return pack }
                await deliver(pack, loaded.slab, only: loaded.isRight)
                return zip(pack, loaded.isRight).filter { !$0.1 }.map(\.0)
            }
            let (slab, arrived) = try await selector.attempt(source, pieces, pack)
            await deliver(pack, slab, only: arrived.map { $0 == .right })
            return zip(pack, arrived).filter { $0.1 != .right }.map(\.0)
        } catch {
            for wanted in pack { await ended(wanted, named(error, wanted)) }
            return []
        }
    }

    /// Fetches a content that failed in its pack.
    private func single(_ wanted: Wanted) async {
        do throws(Failure) {
            try await throttle?.pass(wanted.manifest.size, at: station, stop)
            await deliver([wanted], try await selector.obtain(wanted, chunk: 0))
        } catch {
            await ended(wanted, named(error, wanted))
        }
    }

    /// Passes the selected contents of a pack, contiguous in `bytes`, to the destination. Blocks.
    private nonisolated func take(
        _ pack: [Wanted], _ only: [Bool]?, from bytes: UnsafeRawBufferPointer
    ) -> [Failure?] {
        var offset = 0
        var wholes: [(wanted: Wanted, bytes: UnsafeRawBufferPointer)] = []
        for (index, wanted) in pack.enumerated() {
            let end = offset + Int(wanted.manifest.size)
            if only?[index] ?? true { wholes.append((wanted, UnsafeRawBufferPointer(rebasing: bytes[offset..<end]))) }
            offset = end
        }
        return station.trace.written(wholes.map(\.wanted.manifest)) { destination.take(wholes) }
    }

    private func deliver(_ pack: [Wanted], _ slab: Slab?, only: [Bool]? = nil) async {
        let chosen = pack.indices.filter { only?[$0] ?? true }
        guard !chosen.isEmpty else { return }
        let failures = await station.workers.run { [self] in
            guard let slab else { return take(pack, only, from: UnsafeRawBufferPointer(start: nil, count: 0)) }
            return slab.withBytes { take(pack, only, from: $0) }
        }
        for (index, failure) in zip(chosen, failures) {
            progressCounter.add(bytes: pack[index].manifest.size, files: 1)
            noteRelay([pack[index].piece(0)], failure == nil ? .kept : .failed)
            await ended(pack[index], failure.map { named($0, pack[index]) })
        }
    }

    /// Tells the relay, and so the next rank of the chain, what became of the pieces.
    private func noteRelay(_ pieces: [Piece], _ location: Relay.PieceLocation) {
        if destination.isOwnStore { station.relay.note(pieces, location) }
    }

    // MARK: large contents

    private func large(_ wanted: Wanted) async -> Failure? {
        do throws(Failure) {
            let sink = try await open(wanted)
            // Join a swarm only when storing a whole content: all members must keep and load the same chunks. A
            // throttled rank would slow those behind it.
            let isAmongOthers = chain == nil && destination.isOwnStore && wanted.chunks == nil && throttle == nil
            let swarm =
                isAmongOthers ? await Swarm.join(station, wanted, progressCounter: progressCounter, stop: stop) : nil
            let failure = await fill(sink, wanted, from: swarm?.upstream ?? upstream)
            await swarm?.leave()
            try await station.work { () throws(Failure) in
                let isWhole = sink.have.containsAll(below: wanted.manifest.chunks.count)
                if failure == nil, isWhole { try sink.finish() } else { try sink.pause() }
            }
            if let failure { return named(failure, wanted) }
            progressCounter.add(files: 1)
            return nil
        } catch {
            return named(error, wanted)
        }
    }

    /// Returns the slab before chunks request theirs; otherwise waiting opens could hold the whole pool.
    private func open(_ wanted: Wanted) async throws(Failure) -> any Sink {
        let slab = await station.intake.take(wanted.manifest.chunkSize.bytes)
        let destination = destination
        return try await station.work { () throws(Failure) in
            try slab.withMutableBytes { (buffer) throws(Failure) in try destination.open(wanted, buffer: buffer) }
        }
    }

    /// Fetches all missing chunks, several at once; the first failure stops.
    private func fill(_ sink: any Sink, _ wanted: Wanted, from upstream: Upstream?) async -> Failure? {
        var chooser: MissingChunks
        let near: NearCopy?
        do throws(Failure) {
            near = try await self.near(wanted, sink)
            let order = try await selector.order(of: wanted, in: chain)
            chooser = MissingChunks(wanted, have: sink.have, order: order)
        } catch {
            return error
        }
        progressCounter.add(bytes: chooser.presentBytes)
        // A rate limit applies per chunk.
        let together = near == nil || throttle != nil ? 1 : chunksTogether
        let chunks = ChunkTasks(on: loop)
        while chunks.failure == nil, let some = chooser.next(together) {
            if stop.isSet {
                chunks.fail(Failure(.stopped, wanted.name, "stopped"))
                break
            }
            await gate.enter()
            chunks.begin()
            loop.start { [self] in
                let failure = await several(some, sink, wanted, near, from: upstream)
                gate.leave()
                chunks.end(failure)
            }
        }
        return await chunks.finished()
    }

    /// A copy from a store's file on this node; nil if there is none or the target is this rank's store.
    private func near(_ wanted: Wanted, _ sink: any Sink) async throws(Failure) -> NearCopy? {
        guard let sink = sink as? any NearSink, let store = try await selector.nearStore(of: wanted) else {
            return nil
        }
        return try await station.work { [station] () throws(Failure) in
            try NearCopy(of: wanted, in: store, to: sink, at: station)
        }
    }

    private func several(
        _ chunks: [Int], _ sink: any Sink, _ wanted: Wanted, _ near: NearCopy?, from upstream: Upstream?
    ) async -> Failure? {
        var rest = chunks
        if let near {
            let bytes = { (chunks: [Int]) in chunks.reduce(0) { $0 + Int64(wanted.manifest.length(of: $1)) } }
            do throws(Failure) {
                try await throttle?.pass(bytes(chunks), at: station, stop)
                rest = try await near.copy(chunks)
            } catch {
                return error
            }
            progressCounter.add(bytes: bytes(chunks) - bytes(rest))
        }
        for chunk in rest {
            if let failure = await one(chunk, sink, wanted, from: upstream) { return failure }
        }
        return nil
    }

    private func one(
        _ chunk: Int, _ sink: any Sink, _ wanted: Wanted, from upstream: Upstream?
    ) async -> Failure? {
        let id = wanted.manifest.chunks[chunk]
        let length = wanted.manifest.length(of: chunk)
        do throws(Failure) {
            if try await !isNearby(chunk, sink, wanted) {
                let slab = try await obtain(wanted, chunk, from: upstream)
                let subject = TraceEvent.Subject(wanted.piece(chunk), chunk: id)
                try await station.work { [trace = station.trace] () throws(Failure) in
                    try trace.timed(.written, subject, bytes: length) { () throws(Failure) in
                        try slab.slice(0, length).withBytes { (bytes) throws(Failure) in
                            try sink.write(chunk, id, bytes)
                        }
                    }
                }
            }
            progressCounter.add(bytes: Int64(length))
            noteRelay([wanted.piece(chunk)], .kept)
            return nil
        } catch {
            noteRelay([wanted.piece(chunk)], .failed)
            return error
        }
    }

    private func obtain(_ wanted: Wanted, _ chunk: Int, from upstream: Upstream?) async throws(Failure) -> Slab {
        try await throttle?.pass(Int64(wanted.manifest.length(of: chunk)), at: station, stop)
        if let upstream {
            // In a chain, go up to the nearest holder only; in a swarm, ask every rank upstream.
            let keeper: Rank? =
                if let chain { try await selector.nearest(in: chain, wanted, chunk: chunk) } else { nil }
            if keeper != nil || chain == nil {
                let (piece, id) = (wanted.piece(chunk), wanted.manifest.chunks[chunk])
                if let loaded = try await upstream.load([piece], [id], upTo: keeper) { return loaded.slab }
            }
        }
        return try await selector.obtain(wanted, chunk: chunk)
    }

    /// Whether a chunk needs no transfer: all zeros, or present at the destination.
    private func isNearby(_ chunk: Int, _ sink: any Sink, _ wanted: Wanted) async throws(Failure) -> Bool {
        let id = wanted.manifest.chunks[chunk]
        let length = wanted.manifest.length(of: chunk)
        let slab = await station.intake.take(length)
        return try await station.work { () throws(Failure) in
            if id == zeroChunkID(length: length) {
                try sink.leaveHole(chunk, id)
                return true
            }
            return try slab.withMutableBytes { (buffer) throws(Failure) in
                try sink.copyFromNearby(chunk, id, buffer: buffer)
            }
        }
    }

    private func ended(_ wanted: Wanted, _ failure: Failure?) async {
        await selector.forget(wanted.content)
        await done(wanted, failure)
    }

    private func named(_ failure: Failure, _ wanted: Wanted) -> Failure {
        failure.subject.isEmpty ? Failure(failure.kind, wanted.name, node: failure.node, failure.reason) : failure
    }
}
