// How far a command is: what its parts have done, added up, and who is waited for where nothing moves any more.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

public final class CommandProgress: Sendable {
    /// The ranks that something is expected of now.
    typealias Debtors = @Sendable () async -> [Rank]

    private struct State {
        var debtors: [Int: Debtors] = [:]
        /// Of each data server that receives: its orders, and the bytes of those that are done.
        var receivers: [Rank: Receiver] = [:]
        var copies = 1
        var seen = Progress()
        /// When something began, was seen to have moved, or ended last.
        var moved: Nanoseconds
    }

    private struct Receiver {
        var doneBytes: Int64 = 0
        var orders: [Int: @Sendable () -> Progress] = [:]

        var bytes: Int64 { orders.values.reduce(doneBytes) { $0 + $1().bytes } }
    }

    private let station: Station
    /// How long nothing may move because of a limit: what is moved at once takes so long on average.
    public let grain: Nanoseconds
    private let progressCounter = ProgressCounter()
    private let state: Mutex<State>

    init(at station: Station, grain: Nanoseconds = 0) {
        self.station = station
        self.grain = min(grain, 1 << 50)
        state = Mutex(State(moved: station.loop.now))
    }

    /// All of every part goes to so many data servers.
    var copies: Int { state.withLock { $0.copies } }

    func expect(copies: Int) { state.withLock { $0.copies = max(1, copies) } }

    /// How far the whole is, and how many data servers all of it goes to: of several it is what they have on average.
    public var now: (progress: Progress, copies: Int) {
        let (sum, copies) = (progressCounter.now, copies)
        let share = Int64(copies)
        let average = Progress(
            bytes: sum.bytes / share, totalBytes: sum.totalBytes / share, files: sum.files / share,
            totalFiles: sum.totalFiles / share)
        return (average, copies)
    }

    /// What the data server has that has least, where all of it goes to several: the whole ends no sooner than there.
    public var slowestBytes: Int64? {
        let (receivers, copies) = state.withLock { ($0.receivers, $0.copies) }
        return copies > 1 ? receivers.values.map(\.bytes).min() : nil
    }

    /// An order that `rank` carries out begins; its number is for `end`.
    func begin(_ part: @escaping @Sendable () -> Progress, at rank: Rank) -> Int {
        let number = begin(part, from: { [rank] })
        if rank != .metadataServer {
            state.withLock { $0.receivers[rank, default: Receiver()].orders[number] = part }
        }
        return number
    }

    /// Who has failed receives no more, and is not waited for.
    func end(_ number: Int, at rank: Rank, failed: Bool) {
        end(number)
        state.withLock { state in
            guard let last = state.receivers[rank]?.orders.removeValue(forKey: number) else { return }
            state.receivers[rank]?.doneBytes += last().bytes
            if failed { state.receivers[rank] = nil }
        }
    }

    /// One thing is under way, and `part` counts it.
    func begin(_ part: @escaping @Sendable () -> Progress, from debtors: @escaping Debtors) -> Int {
        let number = progressCounter.begin(part)
        state.withLock { state in
            state.debtors[number] = debtors
            state.moved = station.loop.now
        }
        return number
    }

    func end(_ number: Int) {
        progressCounter.end(number)
        state.withLock { state in
            state.debtors[number] = nil
            state.moved = station.loop.now
        }
    }

    /// What was there already, on so many data servers.
    func note(files: Int, bytes: Int64, copies: Int) {
        let (files, bytes) = (Int64(files * copies), bytes * Int64(copies))
        let done = Progress(bytes: bytes, totalBytes: bytes, files: files, totalFiles: files)
        end(begin({ done }, from: { [] }))
    }

    /// The nodes that are waited for, where nothing has moved for so long. Who asks for this asks often.
    public func awaited(afterMilliseconds patience: UInt64) async -> [String] {
        let (now, progress) = (station.loop.now, progressCounter.now)
        let open = state.withLock { state in
            if state.seen != progress { (state.seen, state.moved) = (progress, now) }
            return now - min(now, state.moved) < patience * 1_000_000 + 2 * grain ? [] : Array(state.debtors.values)
        }
        var ranks: Set<Rank> = []
        for debtors in open { ranks.formUnion(await debtors()) }
        return ranks.sorted().map(station.roster.node)
    }
}

extension Session {
    /// Has another rank carry out an order as a part of this command. What it did after it was asked for the last time
    /// nobody hears of: `whole` is how far it is at its end.
    func carryOut(_ order: Order, at rank: Rank, whole: Progress? = nil) async -> Outcome {
        let latest = LatestProgress()
        let part = commandProgress.begin({ latest.progress.withLock { $0 } }, at: rank)
        let outcome = await station.carryOut(order, at: rank) { progress in latest.progress.withLock { $0 = progress } }
        var hasFailed = false
        if case .failed = outcome { hasFailed = true }
        if let whole, !hasFailed { latest.progress.withLock { $0 = whole } }
        commandProgress.end(part, at: rank, failed: hasFailed)
        return outcome
    }
}

/// What another rank said last.
private final class LatestProgress: Sendable {
    let progress = Mutex(Progress())
}
