// The RPC layer of one rank: numbered requests with deadlines, their replies, and loads, whose bytes arrive in pieces
// and can be relayed at once. Network specifics (MPI requests, ZeroMQ sockets, memory copies) belong to the carrier.

import DaftModel
import DaftWire

/// Takes messages to other ranks and to this one, in order, and bytes apart from them. Everything on the loop.
public protocol Carrier: AnyObject {
    func post(_ envelope: Envelope, to rank: Rank)

    /// The largest piece per message. The carrier keeps the outgoing slab until the bytes have left.
    func longestPiece(to rank: Rank) -> Int
    func send(_ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to rank: Rank)

    /// Announces pieces of a load in transit: the carrier places each and reports its arrival.
    func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank)

    /// False if pieces in transit will be written into their slab even after the request has failed.
    var canAbandon: Bool { get }
}

public final class RPC: @unchecked Sendable {
    private typealias Answer = Result<[UInt8], LinkError>

    private struct Question {
        let rank: Rank
        let asked: Nanoseconds
        let timeoutMilliseconds: Int
        var alarm: Alarm?
        let load: Load?
        /// Nil: the request has failed, and its bytes may still arrive.
        var continuation: UnsafeContinuation<Answer, Never>?
    }

    private let rank: Rank
    private let loop: any Loop
    /// The carrier owns this object, and may be released while its loop is still running.
    private weak var carrier: (any Carrier)?
    private var questions: [UInt64: Question] = [:]
    /// Starts at a random number, so that replies to an earlier process never match.
    private var asked = UInt64.random(in: 0..<1 << 32) << 24
    private var lastBytes: [Rank: Nanoseconds] = [:]
    private var responder: (any Responder)?
    private var early: [@Sendable (any Responder) async -> Void] = []
    private var isClosed = false

    public init(of rank: Rank, on loop: any Loop) {
        self.rank = rank
        self.loop = loop
    }

    /// Call before any request.
    public func carry(by carrier: any Carrier) { self.carrier = carrier }

    public func serve(_ responder: any Responder) {
        onLoop { [self] in
            self.responder = responder
            let waiting = early
            early = []
            for work in waiting { loop.start { await work(responder) } }
        }
    }

    /// `isThere` is asked on the loop.
    public func call(
        _ request: Request, at target: Rank, timeoutMilliseconds: Int, if isThere: @escaping @Sendable () -> Bool
    ) async throws(LinkError) -> Reply {
        let bytes = try await ask(.call, request.encoded, target, nil, timeoutMilliseconds, isThere)
        do throws(Malformed) { return try Reply(decoding: bytes) } catch { throw .malformed(target, error) }
    }

    public func load(
        _ run: ChunkRun, from rank: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int,
        if isThere: @escaping @Sendable () -> Bool
    ) async throws(LinkError) -> [PieceState] {
        defer { incomingSlab?.finish() }
        let load = Load(run, slab, incomingSlab)
        let bytes = try await ask(.load, run.encoded, rank, load, timeoutMilliseconds, isThere)
        let states = PieceStates(ifDecodable: bytes)?.states ?? []
        guard states.count == run.pieces.count else { throw .malformed(rank, Malformed("states of a run", at: 0)) }
        return states
    }

    public func close() {
        onLoop { [self] in
            isClosed = true
            responder = nil
            early = []
            for number in questions.keys.sorted() { settle(number, .failure(.closed)) }
        }
    }

    // MARK: on the loop

    /// Fails requests to that rank. Slabs that were to receive its bytes may never be free again.
    public func lose(_ rank: Rank) {
        loop.checkIsolated()
        for (number, question) in questions(to: rank) {
            settle(number, .failure(.unreachable(rank)))
            if questions[number] != nil { question.load?.slab.writeOff() }
        }
    }

    /// Fails loads from that rank, so that they are retried elsewhere; other requests keep waiting.
    public func loseLoads(from rank: Rank) {
        loop.checkIsolated()
        for (number, question) in questions(to: rank) where question.load != nil {
            settle(number, .failure(.timedOut(rank, milliseconds: question.timeoutMilliseconds)))
        }
    }

    /// Oldest first, so that simulations are reproducible.
    private func questions(to rank: Rank) -> [(key: UInt64, value: Question)] {
        questions.filter { $0.value.rank == rank }.sorted { $0.key < $1.key }
    }

    /// The ranks that owe this one a reply.
    public var awaitedRanks: Set<Rank> {
        loop.checkIsolated()
        return Set(questions.values.lazy.filter { $0.continuation != nil }.map(\.rank))
    }

    public func take(_ envelope: Envelope, from source: Rank) {
        loop.checkIsolated()
        switch envelope.kind {
        case .call: answer(envelope, from: source)
        case .load: supply(envelope, to: source)
        case .answer:
            if questions[envelope.number]?.rank == source { settle(envelope.number, .success(envelope.payload)) }
        case .loaded: land(envelope, from: source)
        case .end, .carriers: break
        }
    }

    private func onLoop(_ body: @escaping @Sendable () -> Void) { loop.start { body() } }

    private func ask(
        _ kind: Envelope.Kind, _ payload: [UInt8], _ rank: Rank, _ load: Load?, _ timeoutMilliseconds: Int,
        _ isThere: @escaping @Sendable () -> Bool
    ) async throws(LinkError) -> [UInt8] {
        let answer: Answer = await withUnsafeContinuation { continuation in
            onLoop { [self] in
                guard !isClosed else { return continuation.resume(returning: .failure(.closed)) }
                guard isThere() else { return continuation.resume(returning: .failure(.unreachable(rank))) }
                asked += 1
                let number = asked
                questions[number] = Question(
                    rank: rank, asked: loop.now, timeoutMilliseconds: timeoutMilliseconds, load: load,
                    continuation: continuation)
                setAlarm(number, at: loop.deadline(inMilliseconds: timeoutMilliseconds))
                carrier?.post(Envelope(kind, number, payload), to: rank)
            }
        }
        return try answer.get()
    }

    private func setAlarm(_ number: UInt64, at deadline: Nanoseconds) {
        questions[number]?.alarm = loop.alarm(at: deadline) { [self] in expire(number) }
    }

    /// Any bytes from the rank extend a load's deadline, since on a slow link it queues behind earlier loads.
    private func expire(_ number: UInt64) {
        guard let question = questions[number], question.continuation != nil else { return }
        if question.load != nil, let last = lastBytes[question.rank], last > question.asked {
            let deadline = last + Nanoseconds(question.timeoutMilliseconds) * 1_000_000
            if deadline > loop.now { return setAlarm(number, at: deadline) }
        }
        settle(number, .failure(.timedOut(question.rank, milliseconds: question.timeoutMilliseconds)))
    }

    /// Completes a request. If its bytes may still arrive it stays registered, so that they are received.
    private func settle(_ number: UInt64, _ answer: Answer) {
        guard var question = questions[number], let continuation = question.continuation else { return }
        if let alarm = question.alarm { loop.cancel(alarm) }
        questions[number] = nil
        if case .failure = answer, question.load != nil, !isClosed, !(carrier?.canAbandon ?? true) {
            question.continuation = nil
            questions[number] = question
        }
        continuation.resume(returning: answer)
    }

    private func answer(_ envelope: Envelope, from source: Rank) {
        respond { [self] responder in
            let reply: Reply
            do {
                reply = await responder.answer(try Request(decoding: envelope.payload), from: source)
            } catch {
                reply = .failed(Failure(.malformed, [], "a request that is none: \(error)"))
            }
            let bytes = reply.encoded
            onLoop { [self] in carrier?.post(Envelope(.answer, envelope.number, bytes), to: source) }
        }
    }

    private func respond(_ work: @escaping @Sendable (any Responder) async -> Void) {
        if let responder {
            loop.start { await work(responder) }
        } else if !isClosed {
            early.append(work)
        }
    }
}

// MARK: bytes

extension RPC {
    private func supply(_ envelope: Envelope, to target: Rank) {
        respond { [self] responder in
            guard let run = ChunkRun(ifDecodable: envelope.payload) else { return }
            let supply = await responder.supply(run, to: target)
            onLoop { [self] in
                carrier?.post(Envelope(.loaded, envelope.number, PieceStates(supply.states).encoded), to: target)
                send(pieces(run.ranges(of: supply.states), for: target)[...], of: supply, envelope.number, to: target)
            }
        }
    }

    /// Sends the pieces that are present; pieces still arriving are sent when they are complete.
    private func send(_ pieces: ArraySlice<Range<Int>>, of supply: Supply, _ number: UInt64, to target: Rank) {
        guard let outgoingSlab = supply.outgoingSlab else { return }
        var rest = pieces
        while let piece = rest.first {
            let start = supply.offset + piece.lowerBound
            let bytes = start..<start + piece.count
            guard supply.incomingSlab?.hasArrived(bytes) ?? true else { break }
            carrier?.send(bytes, of: outgoingSlab, as: number, at: piece.lowerBound, to: target)
            rest.removeFirst()
        }
        if rest.isEmpty { return }
        let later = rest
        supply.incomingSlab?.onChange { [self] in onLoop { [self] in send(later, of: supply, number, to: target) } }
    }

    /// The reply to a load: receives its bytes into the requester's slab, even after a failure if they cannot be
    /// abandoned.
    private func land(_ envelope: Envelope, from source: Rank) {
        guard let question = questions[envelope.number], let load = question.load, source == question.rank else {
            return
        }
        let states = PieceStates(ifDecodable: envelope.payload)?.states ?? []
        guard states.count == load.run.pieces.count else {
            return settle(envelope.number, .failure(.malformed(source, Malformed("states of a run", at: 0))))
        }
        let ranges = load.run.ranges(of: states)
        load.begin(states, ranges, envelope.payload)
        carrier?.expect(pieces(ranges, for: source), of: envelope.number, in: load.slab, from: source)
        finish(envelope.number, load)
    }

    /// The destination of a load's bytes; nil if they are not wanted.
    public func destination(
        of bytes: Range<Int>, as number: UInt64, from source: Rank
    ) -> SlabSlice? {
        loop.checkIsolated()
        guard let question = questions[number], let load = question.load, question.rank == source,
            bytes.lowerBound >= 0, bytes.upperBound <= load.run.byteCount
        else { return nil }
        return load.slab.slice(bytes.lowerBound, bytes.count)
    }

    public func arrived(_ bytes: Range<Int>, as number: UInt64) {
        loop.checkIsolated()
        guard let question = questions[number], let load = question.load else { return }
        lastBytes[question.rank] = loop.now
        load.note(bytes)
        finish(number, load)
    }

    private func finish(_ number: UInt64, _ load: Load) {
        guard let states = load.statesOfWhole else { return }
        if questions[number]?.continuation == nil {
            questions[number] = nil
        } else {
            settle(number, .success(states))
        }
    }

    private func pieces(_ ranges: [Range<Int>], for other: Rank) -> [Range<Int>] {
        guard let longest = carrier?.longestPiece(to: other) else { return [] }
        return ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: longest).map { start in
                start..<min(start + longest, range.upperBound)
            }
        }
    }
}

/// Where the bytes of a load go, and how many of them are there: they may come in another order than they were sent in,
/// and even before it is known which will come.
private final class Load: @unchecked Sendable {
    let run: ChunkRun
    let slab: Slab
    private let incomingSlab: IncomingSlab?
    private var encodedStates: [UInt8]?
    private var ranges: [Range<Int>] = []
    /// Arrived ranges not yet contiguous with `arrived`: end by start.
    private var loose: [Int: Int] = [:]
    private var arrived = 0
    private var open = 0

    init(_ run: ChunkRun, _ slab: Slab, _ incomingSlab: IncomingSlab?) {
        self.run = run
        self.slab = slab
        self.incomingSlab = incomingSlab
    }

    /// The states, once they are known and all their bytes have arrived.
    var statesOfWhole: [UInt8]? { open == ranges.count ? encodedStates : nil }

    func begin(_ states: [PieceState], _ ranges: [Range<Int>], _ encodedStates: [UInt8]) {
        self.encodedStates = encodedStates
        self.ranges = ranges
        arrived = ranges.first?.lowerBound ?? 0
        incomingSlab?.begin(states)
        join()
    }

    func note(_ bytes: Range<Int>) {
        loose[bytes.lowerBound] = bytes.upperBound
        join()
    }

    private func join() {
        let before = arrived
        while open < ranges.count {
            if arrived == ranges[open].upperBound {
                open += 1
                if open < ranges.count { arrived = ranges[open].lowerBound }
            } else if let end = loose.removeValue(forKey: arrived) {
                arrived = min(end, ranges[open].upperBound)
            } else {
                break
            }
        }
        if arrived != before || open == ranges.count, encodedStates != nil { incomingSlab?.advance(to: arrived) }
    }
}
