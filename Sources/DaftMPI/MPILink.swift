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

    /// Where the bytes of a load go, and who wants to hear of them.
    private struct Target {
        let run: ChunkRun
        let slab: Slab
        let landing: Landing?
    }

    private struct Question {
        let rank: Rank
        let alarm: Alarm
        let target: Target?
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

    /// Where a rank goes, its job goes.
    public func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) {}

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
        _ run: ChunkRun, from rank: Rank, into slab: Slab, landing: Landing?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        defer { landing?.finish() }
        let target = Target(run: run, slab: slab, landing: landing)
        let bytes = try await ask(.load, run.encoded, rank, target, timeoutMilliseconds)
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
        _ kind: Envelope.Kind, _ payload: [UInt8], _ rank: Rank, _ target: Target?, _ timeoutMilliseconds: Int
    ) async throws(LinkError) -> [UInt8] {
        let deadline = loop.deadline(inMilliseconds: timeoutMilliseconds)
        let answer: Answer = await withUnsafeContinuation { continuation in
            onLoop { [self] in
                guard !isClosed else { return continuation.resume(returning: .failure(.closed)) }
                guard ranks.contains(rank) else {
                    return continuation.resume(returning: .failure(.unreachable(rank)))
                }
                asked += 1
                let number = asked
                let alarm = loop.alarm(at: deadline) { [self] in
                    settle(number, .failure(.timedOut(rank, milliseconds: timeoutMilliseconds)))
                }
                questions[number] = Question(rank: rank, alarm: alarm, target: target, continuation: continuation)
                post(Envelope(kind, number, payload), to: rank)
            }
        }
        return try answer.get()
    }

    /// Ends a question. One whose bytes may still come stays known, so that they are taken off the wire when they do.
    private func settle(_ number: UInt64, _ answer: Answer) {
        guard let question = questions[number], let continuation = question.continuation else { return }
        loop.cancel(question.alarm)
        questions[number] = nil
        if case .failure = answer, let target = question.target, !isClosed {
            questions[number] = Question(rank: question.rank, alarm: question.alarm, target: target, continuation: nil)
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
                post(Envelope(.loaded, envelope.number, PieceStates(supply.states).encoded), to: target)
                send(pieces(run.ranges(of: supply.states), for: target)[...], of: supply, envelope.number, to: target)
            }
        }
    }

    /// Sends what is there; of what is still coming in from elsewhere each piece when it is.
    private func send(_ pieces: ArraySlice<Range<Int>>, of supply: Supply, _ number: UInt64, to target: Rank) {
        guard let slab = supply.slab else { return }
        var rest = pieces
        while let piece = rest.first {
            let start = supply.offset + piece.lowerBound
            guard supply.landing?.hasArrived(start..<start + piece.count) ?? true else { break }
            let bytes = UnsafeRawBufferPointer(slab.slice(start, piece.count))
            requests.send(bytes, owner: slab, to: target.number, tag: bulkTag(number)) { [self] error in
                if let error { fail(target, error) }
            }
            rest.removeFirst()
        }
        if rest.isEmpty { return }
        let later = rest
        supply.landing?.onChange { [self] in send(later, of: supply, number, to: target) }
    }

    /// The answer to a load: its bytes are on their way, and land where the asker wants them; if it has given up since,
    /// in the same place all the same, which the question has kept for them.
    private func land(_ envelope: Envelope, from source: Rank) {
        guard let question = questions[envelope.number], let target = question.target else { return }
        let states = (try? PieceStates(decoding: envelope.payload))?.states ?? []
        guard states.count == target.run.pieces.count, source == question.rank else {
            return settle(envelope.number, .failure(.malformed(source, Malformed("states of a run", at: 0))))
        }
        target.landing?.begin(states)
        let open = pieces(target.run.ranges(of: states), for: source)
        if open.isEmpty { return landed(envelope.number, envelope.payload) }
        let arrivals = Arrivals(open)
        for (index, piece) in open.enumerated() {
            let memory = target.slab.slice(piece.lowerBound, piece.count)
            requests.receive(into: memory, owner: target.slab, from: source.number, tag: bulkTag(envelope.number)) {
                [self] error in
                if let error { fail(source, error) }
                let end = arrivals.note(index)
                target.landing?.advance(to: end)
                if arrivals.isComplete { landed(envelope.number, envelope.payload) }
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

/// Which pieces are there: they may complete in another order than they were sent in.
private final class Arrivals {
    private let pieces: [Range<Int>]
    private var isThere: [Bool]
    private var next = 0

    init(_ pieces: [Range<Int>]) {
        self.pieces = pieces
        isThere = pieces.map { _ in false }
    }

    var isComplete: Bool { next == pieces.count }

    /// Up to where everything is there, now that this piece is.
    func note(_ index: Int) -> Int {
        isThere[index] = true
        while next < pieces.count, isThere[next] { next += 1 }
        return next == 0 ? 0 : pieces[next - 1].upperBound
    }
}
