// The progress of a command: the sum over its parts, and the nodes that it waits for when nothing moves.

import DaftLink
import DaftModel
import DaftWire
import Synchronization

public final class CommandProgress: Sendable {
    /// Returns the ranks that currently owe an answer.
    typealias AwaitedRanks = @Sendable () async -> [Rank]

    private struct State {
        var awaitedRanks: [Int: AwaitedRanks] = [:]
        /// Per receiving data server: its orders, and the bytes of finished ones.
        var receivers: [Rank: Receiver] = [:]
        var copies = 1
        var seen = Progress()
        /// When a part last began, progressed or ended.
        var moved: Nanoseconds
    }

    private struct Receiver {
        var doneBytes: Int64 = 0
        var orders: [Int: @Sendable () -> Progress] = [:]

        var bytes: Int64 { orders.values.reduce(doneBytes) { $0 + $1().bytes } }
    }

    private let station: Station
    /// The average time that a rate limit allows between two transfers, in nanoseconds.
    public let grain: Nanoseconds
    private let progressCounter = ProgressCounter()
    private let state: Mutex<State>

    init(at station: Station, grain: Nanoseconds = 0) {
        self.station = station
        self.grain = min(grain, 1 << 50)
        state = Mutex(State(moved: station.loop.now))
    }

    /// The number of data servers that receive every part in full.
    var copies: Int { state.withLock { $0.copies } }

    func expect(copies: Int) { state.withLock { $0.copies = max(1, copies) } }

    /// The progress of the whole command, averaged over `copies` data servers.
    public var now: (progress: Progress, copies: Int) {
        let (sum, copies) = (progressCounter.now, copies)
        let share = Int64(copies)
        let average = Progress(
            bytes: sum.bytes / share, totalBytes: sum.totalBytes / share, files: sum.files / share,
            totalFiles: sum.totalFiles / share)
        return (average, copies)
    }

    /// Bytes at the slowest receiver if all of it goes to several: that one determines the end. Else nil.
    public var slowestBytes: Int64? {
        let (receivers, copies) = state.withLock { ($0.receivers, $0.copies) }
        return copies > 1 ? receivers.values.map(\.bytes).min() : nil
    }

    /// Registers an order that `rank` executes; returns its number for `end`.
    func begin(_ part: @escaping @Sendable () -> Progress, at rank: Rank) -> Int {
        let number = begin(part, from: { [rank] })
        if rank != .metadataServer {
            state.withLock { $0.receivers[rank, default: Receiver()].orders[number] = part }
        }
        return number
    }

    /// A failed rank receives no more and is not waited for.
    func end(_ number: Int, at rank: Rank, failed: Bool) {
        end(number)
        state.withLock { state in
            guard let last = state.receivers[rank]?.orders.removeValue(forKey: number) else { return }
            state.receivers[rank]?.doneBytes += last().bytes
            if failed { state.receivers[rank] = nil }
        }
    }

    /// Registers a part that reports its progress through `part`; returns its number.
    func begin(_ part: @escaping @Sendable () -> Progress, from awaitedRanks: @escaping AwaitedRanks) -> Int {
        let number = progressCounter.begin(part)
        state.withLock { state in
            state.awaitedRanks[number] = awaitedRanks
            state.moved = station.loop.now
        }
        return number
    }

    func end(_ number: Int) {
        progressCounter.end(number)
        state.withLock { state in
            state.awaitedRanks[number] = nil
            state.moved = station.loop.now
        }
    }

    /// Counts files that `copies` data servers already had.
    func note(files: Int, bytes: Int64, copies: Int) {
        let (files, bytes) = (Int64(files * copies), bytes * Int64(copies))
        let done = Progress(bytes: bytes, totalBytes: bytes, files: files, totalFiles: files)
        end(begin({ done }, from: { [] }))
    }

    /// The nodes waited for if nothing has moved for `patience`, else none. Must be polled: it detects progress between
    /// calls.
    public func awaited(afterMilliseconds patience: UInt64) async -> [String] {
        let (now, progress) = (station.loop.now, progressCounter.now)
        let open = state.withLock { state in
            if state.seen != progress { (state.seen, state.moved) = (progress, now) }
            return now - min(now, state.moved) < patience * 1_000_000 + 2 * grain
                ? [] : Array(state.awaitedRanks.values)
        }
        var ranks: Set<Rank> = []
        for awaitedRanks in open { ranks.formUnion(await awaitedRanks()) }
        return ranks.sorted().map(station.roster.node)
    }
}

extension Session {
    /// Has another rank execute an order as part of this command. Progress after the last poll is never reported, so
    /// `whole` gives the progress at its end.
    func carryOut<Answer>(
        _ order: TypedOrder<Answer>, at rank: Rank, whole: Progress? = nil
    ) async -> Result<Answer, Failure> {
        let latest = LatestProgress()
        let part = commandProgress.begin({ latest.progress.withLock { $0 } }, at: rank)
        let result = await station.carryOut(order, at: rank) { progress in latest.progress.withLock { $0 = progress } }
        var hasFailed = false
        if case .failure = result { hasFailed = true }
        if let whole, !hasFailed { latest.progress.withLock { $0 = whole } }
        commandProgress.end(part, at: rank, failed: hasFailed)
        return result
    }
}

/// The progress that another rank reported last.
private final class LatestProgress: Sendable {
    let progress = Mutex(Progress())
}
