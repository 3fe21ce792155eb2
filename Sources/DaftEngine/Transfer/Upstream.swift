// The upstream side of a chain: asks the rank before this one, which may still be waiting for the bytes itself. A rank
// that cannot deliver in time is skipped for the one before it.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Synchronization

final class Upstream: Sendable {
    struct Loaded {
        let slab: Slab
        /// For each piece: it arrived and is correct.
        let isRight: [Bool]
    }

    /// A rank that repeatedly has nothing or sends wrong bytes is skipped for good.
    private static let tries = 5
    private static let pauseMilliseconds = 20
    private static let chunksBefore: Int64 = 32
    private static let promptAnswer: Nanoseconds = 500_000_000

    private let station: Station
    private let ranks: [Rank]
    private let progressCounter: ProgressCounter
    private let stop: Event
    private let patienceMilliseconds: Int
    private let doubts = CorruptionReports()
    private let passed = Mutex<Set<Rank>>([])

    /// With a limit, waits longer: other chunks of the staging may be served first.
    init(
        _ station: Station, _ chain: Chain, _ limit: ByteRate? = nil, progressCounter: ProgressCounter,
        stop: Event = Event()
    ) {
        let chunks = Upstream.chunksBefore * Int64(max(1, chain.readers.count))
        let waits = limit?.time(for: chunks * Int64(station.settings.chunkSize.bytes)) ?? 0
        patienceMilliseconds = station.settings.passOverMilliseconds + Int(min(waits / 1_000_000, 1 << 40))
        self.station = station
        self.progressCounter = progressCounter
        self.stop = stop
        ranks = chain.upstream(of: station.rank)
    }

    private var loop: any Loop { station.loop }
    private var deadline: Nanoseconds { loop.deadline(inMilliseconds: patienceMilliseconds) }

    /// Loads pieces and announces them to the relay; the caller reports what becomes of them. Nil: no rank up to `last`
    /// has any of them.
    func load(_ pieces: [Piece], _ ids: [ChunkID], upTo last: Rank? = nil) async throws(Failure) -> Loaded? {
        try await walk(upTo: last) { (rank) async throws(Failure) in
            do throws(LinkError) {
                let (slab, arrivals) = try await station.load(
                    pieces, ids, from: rank, waits: true, isRelayed: true, progressCounter: progressCounter,
                    doubts: doubts)
                let isRight = arrivals.map { $0 == .right }
                return isRight.contains(true) ? .answer(Loaded(slab: slab, isRight: isRight)) : .nothing
            } catch {
                if error == .closed { throw Failure(.stopped, [], error.reason) }
                return .silence
            }
        }
    }

    /// The ids of spans of offered files; nil: no upstream rank knows all of them.
    func identify(_ spans: [Span], of offer: Offer) async throws(Failure) -> [Identified]? {
        try await walk(upTo: nil) { (rank) async throws(Failure) in
            do throws(Failure) {
                let reply = try await station.ask(.identify(offer, spans), at: rank)
                guard case .identified(let answers) = reply, answers.count == spans.count else {
                    throw station.unexpected(reply, from: rank)
                }
                return answers.contains(.unknown) ? .nothing : .answer(answers)
            } catch {
                if error.kind == .stopped { throw error }
                return .silence
            }
        }
    }

    private enum PollResult<Answer> {
        case answer(Answer)
        /// Not there, or not yet.
        case nothing
        case silence
    }

    private func walk<Answer>(
        upTo last: Rank?, _ ask: (Rank) async throws(Failure) -> PollResult<Answer>
    ) async throws(Failure) -> Answer? {
        for rank in ranks {
            if let answer = try await poll(at: rank, ask) { return answer }
            if rank == last { return nil }
        }
        return nil
    }

    private func poll<Answer>(
        at rank: Rank, _ ask: (Rank) async throws(Failure) -> PollResult<Answer>
    ) async throws(Failure) -> Answer? {
        var (end, moved) = (deadline, progressCounter.moved)
        var refusals = 0
        while !passed.withLock({ $0.contains(rank) }) {
            if stop.isSet || Task.isCancelled { throw Failure(.stopped, [], "stopped") }
            let asked = loop.now
            switch try await ask(rank) {
            case .answer(let answer): return answer
            case .nothing:
                if loop.now - asked < Upstream.promptAnswer { refusals += 1 }
                // A slow source is slow for all; any progress shows that the chain works.
                if progressCounter.moved != moved { (end, moved) = (deadline, progressCounter.moved) }
                guard refusals < Upstream.tries, loop.now < end else {
                    passed.withLock { _ = $0.insert(rank) }
                    return nil
                }
                await loop.sleep(milliseconds: Upstream.pauseMilliseconds)
            case .silence: passed.withLock { _ = $0.insert(rank) }
            }
        }
        return nil
    }
}
