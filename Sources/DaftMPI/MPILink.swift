// The link over MPI: point-to-point messages on the loop's thread, which is the main one.
//
// Small messages are found by a matched probe, so they may be of any size and are taken in the order in which they were
// sent. A load's bytes go in pieces straight from the supplier's slab into the asker's, which the request table keeps
// alive until the last piece is in. The piece on the wire is a number of its own: on TCP, what is larger than the eager
// limit waits for a handshake behind queued data, so small pieces win on slow links, and large ones in shared memory.

import CMPI
import DaftCore
import DaftLink
import Synchronization

public final class MPILink: Link, @unchecked Sendable {
    private typealias Answer = Result<[UInt8], LinkError>

    private struct Question {
        let rank: Rank
        let alarm: Alarm
        let landing: (run: ChunkRun, slab: Slab)?
        let continuation: UnsafeContinuation<Answer, Never>?
    }

    private static let messageTag: Int32 = 1
    private static let firstBulkTag: Int32 = 16
    private static let bulkTags: UInt64 = 1 << 14

    public let rank: Rank
    public let ranks: [Rank]
    public var loop: any Loop { mpiLoop }

    private let mpiLoop: MPILoop
    private let communicator: Communicator
    private let pieceBytes: (Int) -> Int
    // Only touched on the loop's thread.
    private let requests: RequestTable
    private var questions: [UInt64: Question] = [:]
    private var asked: UInt64 = 0
    private var responder: (any Responder)?
    private var early: [@Sendable (any Responder) async -> Void] = []
    private var isClosed = false
    private var onEnd: (@Sendable () -> Void)?

    /// `pieceBytes` says how large a piece on the wire to a rank is.
    public init(_ communicator: Communicator, on loop: MPILoop, pieceBytes: @escaping @Sendable (Int) -> Int) {
        self.communicator = communicator
        self.pieceBytes = pieceBytes
        rank = Rank(communicator.rank)
        ranks = (0..<communicator.size).map { Rank($0) }
        mpiLoop = loop
        requests = RequestTable(communicator)
        loop.poll = { [unowned self] in poll() }
    }

    public func serve(_ responder: any Responder) {
        onLoop { [self] in
            self.responder = responder
            let waiting = early
            early = []
            for work in waiting { loop.start { await work(responder) } }
        }
    }

    public func call(_ request: Request, at target: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        let bytes = try await ask(.call, request.encoded, target, nil, timeoutMilliseconds)
        do throws(Malformed) { return try Reply(decoding: bytes) } catch { throw .malformed(target, error) }
    }

    public func load(
        _ run: ChunkRun, from target: Rank, into slab: Slab, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        let bytes = try await ask(.load, run.encoded, target, (run, slab), timeoutMilliseconds)
        let states = bytes.compactMap(PieceState.init(rawValue:))
        guard states.count == run.pieces.count else { throw .malformed(target, Malformed("states of a run", at: 0)) }
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

    /// Calls `body` when rank 0 says that the system ends.
    public func onEnd(_ body: @escaping @Sendable () -> Void) { onLoop { self.onEnd = body } }

    /// Tells all other ranks that the system ends.
    public func endAll() {
        onLoop { [self] in
            for other in ranks where other != rank { post(Envelope(.end, 0), to: other) }
        }
    }

    /// Whether everything that was to be sent is sent.
    public var isQuiet: Bool { requests.isEmpty }
}

// MARK: on the loop

extension MPILink {
    private func onLoop(_ body: @escaping @Sendable () -> Void) { loop.start { body() } }

    private func ask(
        _ kind: Envelope.Kind, _ payload: [UInt8], _ target: Rank, _ landing: (run: ChunkRun, slab: Slab)?,
        _ timeoutMilliseconds: Int
    ) async throws(LinkError) -> [UInt8] {
        let deadline = loop.deadline(inMilliseconds: timeoutMilliseconds)
        let answer: Answer = await withUnsafeContinuation { continuation in
            onLoop { [self] in
                guard !isClosed else { return continuation.resume(returning: .failure(.closed)) }
                guard ranks.contains(target) else {
                    return continuation.resume(returning: .failure(.unreachable(target)))
                }
                asked += 1
                let number = asked
                let alarm = loop.alarm(at: deadline) { [self] in
                    settle(number, .failure(.timedOut(target, milliseconds: timeoutMilliseconds)))
                }
                questions[number] = Question(rank: target, alarm: alarm, landing: landing, continuation: continuation)
                post(Envelope(kind, number, payload), to: target)
            }
        }
        return try answer.get()
    }

    /// Ends a question. One whose bytes may still come stays known, so that they are taken off the wire when they do.
    private func settle(_ number: UInt64, _ answer: Answer) {
        guard let question = questions[number], let continuation = question.continuation else { return }
        loop.cancel(question.alarm)
        questions[number] = nil
        if case .failure = answer, let landing = question.landing, !isClosed {
            questions[number] = Question(
                rank: question.rank, alarm: question.alarm, landing: landing, continuation: nil)
        }
        continuation.resume(returning: answer)
    }

    private func poll() -> Bool {
        let hasCompleted = requests.progress()
        let hasCome = takeMessage()
        return hasCompleted || hasCome
    }

    private func post(_ envelope: Envelope, to target: Rank) {
        let message = Message(envelope.encoded)
        requests.send(
            UnsafeRawBufferPointer(message.memory), owner: message, to: target.number, tag: MPILink.messageTag
        ) {
            [self] error in if let error { fail(target, error) }
        }
    }

    /// Matches one message that has come, if there is one, and receives it.
    private func takeMessage() -> Bool {
        var isThere: Int32 = 0
        var matched: MPI_Message?
        var status = MPI_Status()
        let code = MPI_Improbe(
            MPI_ANY_SOURCE, MPILink.messageTag, communicator.handle, &isThere, &matched, &status)
        guard code == MPI_SUCCESS, isThere != 0 else { return false }
        var count: Int32 = 0
        MPI_Get_count(&status, cmpi_byte(), &count)
        let message = Message(count: Int(max(0, count)))
        let source = Rank(Int(status.MPI_SOURCE))
        requests.receive(matched, into: message.memory, owner: message) { [self] error in
            if error == nil { take(message.bytes, from: source) }
        }
        return true
    }

    private func take(_ bytes: [UInt8], from source: Rank) {
        guard let envelope = try? Envelope(decoding: bytes) else { return }
        switch envelope.kind {
        case .call: answer(envelope, from: source)
        case .load: supply(envelope, to: source)
        case .answer: settle(envelope.number, .success(envelope.payload))
        case .loaded: land(envelope, from: source)
        case .end: onEnd?()
        }
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
            onLoop { [self] in post(Envelope(.answer, envelope.number, bytes), to: source) }
        }
    }

    private func respond(_ work: @escaping @Sendable (any Responder) async -> Void) {
        if let responder {
            loop.start { await work(responder) }
        } else if !isClosed {
            early.append(work)
        }
    }

    private func fail(_ target: Rank, _ error: MPIError) {
        for (number, question) in questions where question.rank == target {
            settle(number, .failure(.unreachable(target)))
        }
    }
}

// MARK: bytes

extension MPILink {
    private func supply(_ envelope: Envelope, to target: Rank) {
        respond { [self] responder in
            guard let run = try? ChunkRun(decoding: envelope.payload) else { return }
            let supply = await responder.supply(run, to: target)
            onLoop { [self] in
                post(Envelope(.loaded, envelope.number, supply.states.map(\.rawValue)), to: target)
                guard let slab = supply.slab else { return }
                for piece in pieces(run.ranges(of: supply.states), for: target) {
                    let bytes = UnsafeRawBufferPointer(slab.slice(piece.lowerBound, piece.count))
                    requests.send(bytes, owner: slab, to: target.number, tag: bulkTag(envelope.number)) {
                        [self] error in
                        if let error { fail(target, error) }
                    }
                }
            }
        }
    }

    /// The answer to a load: its bytes are on their way, and land where the asker wants them; if it has given up since,
    /// in the same place all the same, which the question has kept for them.
    private func land(_ envelope: Envelope, from source: Rank) {
        guard let question = questions[envelope.number], let landing = question.landing else { return }
        let states = envelope.payload.compactMap(PieceState.init(rawValue:))
        guard states.count == landing.run.pieces.count, source == question.rank else {
            return settle(envelope.number, .failure(.malformed(source, Malformed("states of a run", at: 0))))
        }
        let open = pieces(landing.run.ranges(of: states), for: source)
        if open.isEmpty { return landed(envelope.number, envelope.payload) }
        let rest = Countdown(open.count)
        for piece in open {
            let memory = landing.slab.slice(piece.lowerBound, piece.count)
            requests.receive(into: memory, owner: landing.slab, from: source.number, tag: bulkTag(envelope.number)) {
                [self] error in
                if let error { fail(source, error) }
                if rest.isLast() { landed(envelope.number, envelope.payload) }
            }
        }
    }

    private func landed(_ number: UInt64, _ states: [UInt8]) {
        if questions[number]?.continuation == nil {
            questions[number] = nil
        } else {
            settle(number, .success(states))
        }
    }

    private func pieces(_ ranges: [Range<Int>], for other: Rank) -> [Range<Int>] {
        let longest = pieceBytes(other.number)
        return ranges.flatMap { range in
            stride(from: range.lowerBound, to: range.upperBound, by: longest).map { start in
                start..<min(start + longest, range.upperBound)
            }
        }
    }

    /// Loads that are under way at once have tags of their own.
    private func bulkTag(_ number: UInt64) -> Int32 { MPILink.firstBulkTag + Int32(number % MPILink.bulkTags) }
}

/// Bytes of a message, in one place until MPI is done with them.
private final class Message {
    let memory: UnsafeMutableRawBufferPointer

    init(count: Int) { memory = .allocate(byteCount: max(1, count), alignment: 16).prefixed(count) }

    convenience init(_ bytes: [UInt8]) {
        self.init(count: bytes.count)
        memory.copyBytes(from: bytes)
    }

    deinit { memory.baseAddress?.deallocate() }

    var bytes: [UInt8] { Array(memory) }
}

extension UnsafeMutableRawBufferPointer {
    fileprivate func prefixed(_ count: Int) -> UnsafeMutableRawBufferPointer { .init(rebasing: self[..<count]) }
}

private final class Countdown {
    private var rest: Int
    init(_ count: Int) { rest = count }

    func isLast() -> Bool {
        rest -= 1
        return rest == 0
    }
}
