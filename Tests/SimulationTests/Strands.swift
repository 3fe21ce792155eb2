// The workers of a simulated rank: threads of which only one runs at a time, while it holds the baton. It hands the
// baton over before each disk change, before each use of the ledger, and while it waits for a lock; the seed decides
// who runs next. So every interleaving of such steps can occur, and is reproduced by its seed.

import DaftLink
import DaftStore
import Glibc

/// Passed between threads; waiting for it blocks.
private final class Baton: @unchecked Sendable {
    private let latch = Latch()
    // Guarded by the latch.
    private var isHere = false

    func give() {
        latch.locked {
            isHere = true
            latch.wake()
        }
    }

    func await() {
        latch.locked {
            while !isHere { latch.wait(until: nil) }
            isHere = false
        }
    }
}

/// A worker thread. Its members belong to the holder of the baton.
final class Strand: @unchecked Sendable {
    fileprivate enum State {
        case idle, ready, asleep
        case waiting(for: StaticString, isFree: @Sendable () -> Bool)
    }

    fileprivate private(set) var state = State.idle
    private var work: (@Sendable () -> Void)?
    private var isOver = false
    private var number: pthread_t?
    private var thread: OwnThread?
    private let going = Baton()
    private let back = Baton()

    /// `next`: the work to do after the current one.
    fileprivate init(next: @escaping @Sendable () -> (@Sendable () -> Void)?) {
        thread = OwnThread("strand") { [self] in
            going.await()
            number = pthread_self()
            while !isOver {
                finish()
                if let work = next() { begin(work) }
                back.give()
                going.await()
            }
        }
    }

    fileprivate func begin(_ work: @escaping @Sendable () -> Void) { (self.work, state) = (work, .ready) }

    /// Releases the work before the baton.
    private func finish() {
        work.take()?()
        state = .idle
    }

    var isCalling: Bool { number.map { pthread_equal(pthread_self(), $0) != 0 } ?? false }

    fileprivate var isIdle: Bool { if case .idle = state { true } else { false } }

    var isReady: Bool {
        switch state {
        case .idle, .asleep: false
        case .ready: true
        case .waiting(_, let isFree): isFree()
        }
    }

    /// Runs the thread until it hands the baton back.
    func resume() {
        going.give()
        back.await()
    }

    /// Called by its own thread; returns when it is resumed.
    fileprivate func giveBack(_ state: State) {
        self.state = state
        back.give()
        going.await()
        self.state = .ready
    }

    fileprivate func wake() { if case .asleep = state { state = .ready } }

    fileprivate func end() {
        isOver = true
        going.give()
        thread?.join()
    }
}

/// The workers of one process of one rank: its threads and their queue.
final class SimulatedWorkers: StoreScheduler, @unchecked Sendable {
    private let time: SimulatedTime
    private let usualPauseMicroseconds: UInt64
    /// Whether disk changes are mostly slow, some very slow.
    var isSlow = false
    private let lockBypassingCallers: Set<String>
    private(set) var strands: [Strand] = []
    private var queue: [@Sendable () -> Void] = []
    private var isDead = false
    private let start = ContinuousClock.now

    init(_ time: SimulatedTime, _ layout: Layout, _ flaws: Flaws) {
        self.time = time
        usualPauseMicroseconds = layout.longestPauseMicroseconds
        lockBypassingCallers = flaws.lockBypassingCallers
        strands = (0..<layout.workers).map { _ in
            Strand { [unowned self] in queue.isEmpty ? nil : queue.removeFirst() }
        }
    }

    func add(_ work: @escaping @Sendable () -> Void) {
        if let idle = strands.first(where: \.isIdle) { idle.begin(work) } else { queue.append(work) }
    }

    var ready: [Strand] { strands.filter(\.isReady) }

    /// The callers waiting for locks.
    var waiting: [String] {
        strands.compactMap { if case .waiting(let caller, _) = $0.state { "\(caller)" } else { nil } }
    }

    /// Drops queued work; running work ends without further changes, because the store is closed and the disk rejects
    /// calls. Threads waiting for a lock that is never released stay: that was a hang.
    func die() {
        isDead = true
        queue = []
        for strand in strands { strand.wake() }
        while let next = ready.first { time.resume(next) }
        for strand in strands where strand.isIdle { strand.end() }
        time.remove(self)
    }

    // MARK: called by strands

    /// Before a disk change: lets other threads run, for some time.
    func pause() throws(SystemError) {
        pass()
        if isDead, time.strand != nil { throw SystemError(code: EIO, call: "a call of the dead") }
    }

    func pass() {
        guard let strand = time.strand, !isDead else { return }
        let isLong = time.number(below: isSlow ? 2 : 4) == 0
        let microseconds = isLong ? time.number(below: 1 + (isSlow ? 50_000 : usualPauseMicroseconds)) : 0
        if microseconds == 0 { return strand.giveBack(.ready) }
        _ = time.alarm(at: time.now + microseconds * 1_000) { strand.wake() }
        strand.giveBack(.asleep)
    }

    func wait(for caller: StaticString, until isFree: @escaping @Sendable () -> Bool) -> Bool {
        if lockBypassingCallers.contains("\(caller)") { return false }
        pass()
        guard let strand = time.strand else { return time.waitOnLoop(until: isFree) }
        if !isFree() { strand.giveBack(.waiting(for: caller, isFree: isFree)) }
        return true
    }

    var now: ContinuousClock.Instant { start + .nanoseconds(Int64(time.now)) }
}
