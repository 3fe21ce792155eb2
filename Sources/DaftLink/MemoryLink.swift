// The link inside one process: any number of ranks, each with its loop. Messages cross in their binary form, so that
// whatever works here has been coded and decoded. A passage decides about every message: simulations delay and lose.

import DaftModel
import DaftWire
import Synchronization

/// What happens to one message on its way.
public enum MessageFate: Sendable {
    case deliver(afterNanoseconds: Nanoseconds)
    case lose
}

public final class MemoryNetwork: Sendable {
    /// Asked for every message; the default delivers at once.
    public typealias Weather = @Sendable (_ from: Rank, _ to: Rank) -> MessageFate

    private struct State {
        var links: [Rank: MemoryLink] = [:]
        var dead: Set<Rank> = []
        /// They live, and nobody hears of them, nor they of anybody.
        var cut: Set<Rank> = []

        func isBetween(_ x: Rank, _ y: Rank) -> Bool { x != y && (cut.contains(x) || cut.contains(y)) }
    }

    private let weather: Weather?
    private let state = Mutex(State())

    public init(weather: Weather? = nil) { self.weather = weather }

    public func link(_ rank: Rank, on loop: any Loop) -> MemoryLink {
        let link = MemoryLink(rank, on: loop, in: self)
        let others = state.withLock { state in
            defer { state.links[rank] = link }
            state.dead.remove(rank)
            state.cut.remove(rank)
            return state.links.sorted { $0.key < $1.key }.map(\.value)
        }
        for other in others { other.tell(rank, .here) }
        return link
    }

    /// The rank is gone, as if its process had been killed: nothing reaches it or comes from it any more, and what
    /// others had asked of it fails.
    public func kill(_ rank: Rank) {
        let (killed, others) = state.withLock { state in
            state.dead.insert(rank)
            let killed = state.links.removeValue(forKey: rank)
            return (killed, state.links.sorted { $0.key < $1.key }.map(\.value))
        }
        killed?.close()
        for link in others {
            link.lost(rank)
            link.tell(rank, .gone)
        }
    }

    /// Cuts a rank off, as a cable does: to the others it is gone, and to it all others are, until it is mended.
    public func cut(_ rank: Rank) {
        for (link, other) in pairs(with: rank, { $0.cut.insert(rank).inserted }) {
            link.lost(other)
            link.tell(other, .gone)
        }
    }

    public func mend(_ rank: Rank) {
        for (link, other) in pairs(with: rank, { $0.cut.remove(rank) != nil }) { link.tell(other, .here) }
    }

    /// After a change between a rank and the others: each of them, and of whom it has to be told.
    private func pairs(
        with rank: Rank, _ change: (inout State) -> Bool
    ) -> [(link: MemoryLink, other: Rank)] {
        state.withLock { state in
            guard let one = state.links[rank], change(&state) else { return [] }
            let others = state.links.filter { $0.key != rank && !state.cut.contains($0.key) }.sorted { $0.key < $1.key }
            return others.map { ($0.value, rank) } + others.map { (one, $0.key) }
        }
    }

    func alive(seenBy rank: Rank) -> [Rank] {
        state.withLock { state in state.links.keys.filter { !state.isBetween(rank, $0) }.sorted() }
    }

    /// Runs `body` on the loop of `rank` after the message's passage; false if that rank is known to be dead.
    func send(from: Rank, to: Rank, _ body: @escaping @Sendable (MemoryLink) -> Void) -> Bool {
        let (target, isDead) = state.withLock { state in
            (
                state.links[to],
                state.dead.contains(from) || state.dead.contains(to) || state.isBetween(from, to)
            )
        }
        guard !isDead, let target else { return false }
        switch weather?(from, to) ?? .deliver(afterNanoseconds: 0) {
        case .lose: break
        case .deliver(let delay):
            let arrive: @Sendable () -> Void = { [self] in
                let arrives = state.withLock { state in
                    state.links[to] === target && !state.dead.contains(from) && !state.isBetween(from, to)
                }
                if arrives { body(target) }
            }
            if delay == 0 {
                target.loop.start { arrive() }
            } else {
                _ = target.loop.alarm(at: target.loop.now + delay, arrive)
            }
        }
        return true
    }
}

public final class MemoryLink: Link {
    private typealias Answer = Result<[UInt8], LinkError>

    private struct Pending {
        let rank: Rank
        var alarm: Alarm?
        let continuation: UnsafeContinuation<Answer, Never>
    }

    private struct State {
        var responder: (any Responder)?
        var early: [@Sendable (any Responder) async -> Void] = []
        var pending: [UInt64: Pending] = [:]
        var asked: UInt64 = 0
        var isClosed = false
        var onChange: (@Sendable (Rank, Presence) -> Void)?
    }

    public let rank: Rank
    public let loop: any Loop
    private let network: MemoryNetwork
    private let state = Mutex(State())

    init(_ rank: Rank, on loop: any Loop, in network: MemoryNetwork) {
        self.rank = rank
        self.loop = loop
        self.network = network
    }

    public var ranks: [Rank] { network.alive(seenBy: rank) }

    public func serve(_ responder: any Responder) {
        let early = state.withLock { state in
            state.responder = responder
            defer { state.early = [] }
            return state.early
        }
        for work in early { loop.start { await work(responder) } }
    }

    public func call(_ request: Request, at target: Rank, timeoutMilliseconds: Int) async throws(LinkError) -> Reply {
        let message = request.encoded
        let bytes = try await ask(target, timeoutMilliseconds) { [rank] responder in
            do {
                return await responder.answer(try Request(decoding: message), from: rank).encoded
            } catch {
                return Reply.failed(Failure(.malformed, [], "a request that is none: \(error)")).encoded
            }
        }
        do throws(Malformed) { return try Reply(decoding: bytes) } catch { throw .malformed(target, error) }
    }

    public func load(
        _ run: ChunkRun, from target: Rank, into slab: Slab, incomingSlab: IncomingSlab?, timeoutMilliseconds: Int
    ) async throws(LinkError) -> [PieceState] {
        let message = run.encoded
        let aim = LoadTarget(slab, incomingSlab)
        defer { aim.close() }
        let bytes = try await ask(target, timeoutMilliseconds) { [rank] responder in
            guard let run = try? ChunkRun(decoding: message) else { return PieceStates([]).encoded }
            let supply = await responder.supply(run, to: rank)
            aim.begin(supply.states)
            await supply.incomingSlab?.untilOver()
            aim.land(run, supply)
            return PieceStates(supply.states).encoded
        }
        let states = (try? PieceStates(decoding: bytes))?.states ?? []
        guard states.count == run.pieces.count else { throw .malformed(target, Malformed("states of a run", at: 0)) }
        return states
    }

    public func onChange(_ body: @escaping @Sendable (Rank, Presence) -> Void) { state.withLock { $0.onChange = body } }

    fileprivate func tell(_ rank: Rank, _ presence: Presence) {
        if let body = state.withLock({ $0.onChange }) { loop.start { body(rank, presence) } }
    }

    public func close() {
        let pending = state.withLock { state in
            state.isClosed = true
            state.onChange = nil
            state.responder = nil
            state.early = []
            defer { state.pending = [:] }
            return Array(state.pending.values)
        }
        for question in pending { settle(question, .failure(.closed)) }
    }

    func lost(_ rank: Rank) {
        let pending = state.withLock { state in
            let lost = state.pending.filter { $0.value.rank == rank }
            for number in lost.keys { state.pending[number] = nil }
            return lost.sorted { $0.key < $1.key }.map(\.value)
        }
        for question in pending { settle(question, .failure(.unreachable(rank))) }
    }

    /// Has `work` done by the responder of `target`, and brings back the bytes of its answer.
    private func ask(
        _ target: Rank, _ timeoutMilliseconds: Int,
        _ work: @escaping @Sendable (any Responder) async -> [UInt8]
    ) async throws(LinkError) -> [UInt8] {
        let deadline = loop.deadline(inMilliseconds: timeoutMilliseconds)
        let answer: Answer = await withUnsafeContinuation { continuation in
            let number = state.withLock { state -> UInt64? in
                guard !state.isClosed else { return nil }
                state.asked += 1
                state.pending[state.asked] = Pending(rank: target, continuation: continuation)
                return state.asked
            }
            guard let number else { return continuation.resume(returning: .failure(.closed)) }
            let alarm = loop.alarm(at: deadline) { [self] in
                finish(number, .failure(.timedOut(target, milliseconds: timeoutMilliseconds)))
            }
            state.withLock { $0.pending[number]?.alarm = alarm }
            let isSent = network.send(from: rank, to: target) { [network, rank] there in
                there.respond { responder in
                    let bytes = await work(responder)
                    _ = network.send(from: target, to: rank) { $0.finish(number, .success(bytes)) }
                }
            }
            if !isSent { finish(number, .failure(.unreachable(target))) }
        }
        return try answer.get()
    }

    private func respond(_ work: @escaping @Sendable (any Responder) async -> Void) {
        let responder = state.withLock { state -> (any Responder)? in
            if state.responder == nil, !state.isClosed { state.early.append(work) }
            return state.responder
        }
        if let responder { loop.start { await work(responder) } }
    }

    private func finish(_ number: UInt64, _ answer: Answer) {
        if let pending = state.withLock({ $0.pending.removeValue(forKey: number) }) { settle(pending, answer) }
    }

    private func settle(_ pending: Pending, _ answer: Answer) {
        if let alarm = pending.alarm { loop.cancel(alarm) }
        pending.continuation.resume(returning: answer)
    }
}

extension IncomingSlab {
    fileprivate func untilOver() async {
        while !isOver {
            await withUnsafeContinuation { continuation in onChange { continuation.resume() } }
        }
    }
}

/// The slab that a load lands in, until the load is over: bytes that come too late must not, and a question that nobody
/// answers any more does not keep it.
private final class LoadTarget: Sendable {
    private let slab: Mutex<Slab?>
    private let incomingSlab: Mutex<IncomingSlab?>

    init(_ slab: Slab, _ incomingSlab: IncomingSlab?) {
        self.slab = Mutex(slab)
        self.incomingSlab = Mutex(incomingSlab)
    }

    func close() {
        slab.withLock { $0 = nil }
        let incomingSlab = incomingSlab.withLock { incomingSlab in
            defer { incomingSlab = nil }
            return incomingSlab
        }
        incomingSlab?.finish()
    }

    func begin(_ states: [PieceState]) { incomingSlab.withLock { $0 }?.begin(states) }

    func land(_ run: ChunkRun, _ supply: Supply) {
        slab.withLock { slab in
            guard let slab, let source = supply.slab else { return }
            for (piece, (offset, state)) in zip(run.pieces, zip(run.offsets, supply.states)) where state.isOnItsWay {
                let count = state.count(of: piece)
                slab.slice(offset, count).copy(from: source.slice(supply.offset + offset, count))
            }
        }
    }
}
