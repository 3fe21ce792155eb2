// One rank's side of all that it and others say to one another, whatever carries it: numbered questions with deadlines,
// their answers, and loads, whose bytes come piece by piece and are passed on as they come. What is of one network
// alone (MPI's requests, ZeroMQ's sockets, memory's copies) is its carrier's.

import DaftModel
import DaftWire

/// Takes messages to other ranks and to this one, in order, and bytes apart from them. Everything on the loop.
public protocol Carrier: AnyObject {
    func post(_ envelope: Envelope, to rank: Rank)

    /// How long a piece on the wire is, at most. The carrier keeps the outgoing slab until the bytes have left.
    func longestPiece(to rank: Rank) -> Int
    func send(_ bytes: Range<Int>, of outgoingSlab: OutgoingSlab, as question: UInt64, at offset: Int, to rank: Rank)

    /// These pieces of a load are on their way: each is to be placed, and the RPC told that it has arrived.
    func expect(_ pieces: [Range<Int>], of question: UInt64, in slab: Slab, from rank: Rank)

    /// False where pieces that are on their way will be written into their slab, even if nobody wants them any more.
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
        /// None: it has failed, and its bytes may still come.
        var continuation: UnsafeContinuation<Answer, Never>?
    }

    private let rank: Rank
    private let loop: any Loop
    /// Whoever carries it owns it, and may be gone while its loop still runs.
    private weak var carrier: (any Carrier)?
    // Only touched on the loop.
    private var questions: [UInt64: Question] = [:]
    /// Numbers go on from anywhere: what is on its way to a process that is no more is no answer for the next one.
    private var asked = UInt64.random(in: 0..<1 << 32) << 24
    private var lastBytes: [Rank: Nanoseconds] = [:]
    private var responder: (any Responder)?
    private var early: [@Sendable (any Responder) async -> Void] = []
    private var isClosed = false

    public init(of rank: Rank, on loop: any Loop) {
        self.rank = rank
        self.loop = loop
    }

    /// Before anything is said.
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
        let states = (try? PieceStates(decoding: bytes))?.states ?? []
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

    /// What is asked of that rank fails. The memory that its bytes were to come into may never be free again.
    public func lose(_ rank: Rank) {
        for (number, question) in questions(to: rank) {
            settle(number, .failure(.unreachable(rank)))
            if questions[number] != nil { question.load?.slab.writeOff() }
        }
    }

    /// The bytes that are awaited from that rank had better be asked for elsewhere; questions wait for it.
    public func loseLoads(from rank: Rank) {
        for (number, question) in questions(to: rank) where question.load != nil {
            settle(number, .failure(.timedOut(rank, milliseconds: question.timeoutMilliseconds)))
        }
    }

    /// In the order in which they were asked, so that a simulation repeats itself.
    private func questions(to rank: Rank) -> [(key: UInt64, value: Question)] {
        questions.filter { $0.value.rank == rank }.sorted { $0.key < $1.key }
    }

    /// The ranks that owe this one an answer.
    public var debtors: Set<Rank> { Set(questions.values.lazy.filter { $0.continuation != nil }.map(\.rank)) }

    public func take(_ envelope: Envelope, from source: Rank) {
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

    /// The time of a load begins anew with whatever bytes come from the same rank: on a slow link it stands behind the
    /// others that were asked for before.
    private func expire(_ number: UInt64) {
        guard let question = questions[number], question.continuation != nil else { return }
        if question.load != nil, let last = lastBytes[question.rank], last > question.asked {
            let deadline = last + Nanoseconds(question.timeoutMilliseconds) * 1_000_000
            if deadline > loop.now { return setAlarm(number, at: deadline) }
        }
        settle(number, .failure(.timedOut(question.rank, milliseconds: question.timeoutMilliseconds)))
    }

    /// Ends a question. One whose bytes may still come stays known, so that they are taken off the wire when they do.
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
            guard let run = try? ChunkRun(decoding: envelope.payload) else { return }
            let supply = await responder.supply(run, to: target)
            onLoop { [self] in
                carrier?.post(Envelope(.loaded, envelope.number, PieceStates(supply.states).encoded), to: target)
                send(pieces(run.ranges(of: supply.states), for: target)[...], of: supply, envelope.number, to: target)
            }
        }
    }

    /// Sends what is there; of what is still coming in from elsewhere each piece when it is.
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

    /// The answer to a load: its bytes are on their way, and land where the asker wants them; if it has given up since,
    /// in the same place all the same where they cannot be stopped.
    private func land(_ envelope: Envelope, from source: Rank) {
        guard let question = questions[envelope.number], let load = question.load, source == question.rank else {
            return
        }
        let states = (try? PieceStates(decoding: envelope.payload))?.states ?? []
        guard states.count == load.run.pieces.count else {
            return settle(envelope.number, .failure(.malformed(source, Malformed("states of a run", at: 0))))
        }
        let ranges = load.run.ranges(of: states)
        load.begin(states, ranges, envelope.payload)
        carrier?.expect(pieces(ranges, for: source), of: envelope.number, in: load.slab, from: source)
        finish(envelope.number, load)
    }

    /// Where bytes that come in for a question belong; none: nobody wants them.
    public func place(
        of bytes: Range<Int>, as number: UInt64, from source: Rank
    ) -> SlabSlice? {
        guard let question = questions[number], let load = question.load, question.rank == source,
            bytes.lowerBound >= 0, bytes.upperBound <= load.run.byteCount
        else { return nil }
        return load.slab.slice(bytes.lowerBound, bytes.count)
    }

    public func arrived(_ bytes: Range<Int>, as number: UInt64) {
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
/// and even before it is known which will come. Only touched on the loop.
private final class Load: @unchecked Sendable {
    let run: ChunkRun
    let slab: Slab
    private let incomingSlab: IncomingSlab?
    private var told: [UInt8]?
    private var ranges: [Range<Int>] = []
    /// What has come and is not yet joined to what came before it: its end, by its beginning.
    private var loose: [Int: Int] = [:]
    private var arrived = 0
    private var open = 0

    init(_ run: ChunkRun, _ slab: Slab, _ incomingSlab: IncomingSlab?) {
        self.run = run
        self.slab = slab
        self.incomingSlab = incomingSlab
    }

    /// The states, once they are known and all that they promise is there.
    var statesOfWhole: [UInt8]? { open == ranges.count ? told : nil }

    func begin(_ states: [PieceState], _ ranges: [Range<Int>], _ told: [UInt8]) {
        self.told = told
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
        if arrived != before || open == ranges.count, told != nil { incomingSlab?.advance(to: arrived) }
    }
}
