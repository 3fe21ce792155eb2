// The loop of a rank under MPI: the main thread runs jobs, looks at alarms and at the network, and when there is
// nothing to do it sleeps, longer and longer, so that a data server beside a computation is not noticed. Workers wake
// it.
//
// Open MPI 4.1 looks at completions before it makes progress: after a sleep the network is polled twice, or a message
// that has come would be seen only after the next sleep.

import CLinux
import DaftLink
import Glibc
import Synchronization

public final class MPILoop: Loop, @unchecked Sendable {
    /// How a rank waits.
    public struct Patience: Sendable {
        /// Polls without any progress before the first sleep: on a slow link a piece comes every millisecond, and
        /// whoever polls from one to the next takes a whole core.
        public var polls = 10
        public var firstSleepMicroseconds: UInt64 = 50
        public var longestSleepMicroseconds: UInt64 = 500
        /// Once nothing has happened for this long, sleeps may be `idleSleepMicroseconds`.
        public var idleAfterMilliseconds: UInt64 = 200
        public var idleSleepMicroseconds: UInt64 = 5_000

        public init() {}
    }

    private struct Shared {
        var jobs: [UnownedJob] = []
        var alarms = AlarmClock()
        var isStopped = false
        var isAsleep = false
    }

    private let patience: Patience
    private let waker: Int32
    private let shared = Mutex(Shared())
    /// Looks at the network; true if anything happened. Set before `run`, called on the loop's thread only.
    var poll: () -> Bool = { false }

    public init(_ patience: Patience = Patience()) {
        self.patience = patience
        waker = linux_eventfd()
    }

    deinit { close(waker) }

    public var now: Nanoseconds { monotonicNow() }

    public func asUnownedSerialExecutor() -> UnownedSerialExecutor { UnownedSerialExecutor(ordinary: self) }

    public func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        let isAsleep = shared.withLock { shared in
            shared.jobs.append(job)
            return shared.isAsleep
        }
        if isAsleep { wake() }
    }

    public func alarm(at deadline: Nanoseconds, _ body: @escaping @Sendable () -> Void) -> Alarm {
        let (alarm, isAsleep) = shared.withLock { ($0.alarms.set(at: deadline, body), $0.isAsleep) }
        if isAsleep { wake() }
        return alarm
    }

    public func cancel(_ alarm: Alarm) { shared.withLock { $0.alarms.cancel(alarm) } }

    /// Makes `run` return when it has come round.
    public func stop() {
        shared.withLock { $0.isStopped = true }
        wake()
    }

    /// Runs until stopped, on the calling thread.
    public func run() {
        var idlePolls = 0
        var lastWork = now
        var sleep = patience.firstSleepMicroseconds
        while !shared.withLock({ $0.isStopped }) {
            if work() || poll() {
                (idlePolls, lastWork, sleep) = (0, now, patience.firstSleepMicroseconds)
                continue
            }
            idlePolls += 1
            if idlePolls < patience.polls { continue }
            let isIdle = now - lastWork > patience.idleAfterMilliseconds * 1_000_000
            let longest = isIdle ? patience.idleSleepMicroseconds : patience.longestSleepMicroseconds
            rest(nanoseconds: min(sleep, longest) * 1_000)
            sleep = min(sleep * 2, longest)
            if poll() { (idlePolls, lastWork, sleep) = (0, now, patience.firstSleepMicroseconds) }
        }
    }

    /// Runs what is queued and due; true if there was anything.
    private func work() -> Bool {
        let (jobs, due) = shared.withLock { shared in
            defer { shared.jobs.removeAll(keepingCapacity: true) }
            return (shared.jobs, shared.alarms.due(at: now))
        }
        for job in jobs {
            job.runSynchronously(isolatedTo: asUnownedSerialExecutor(), taskExecutor: asUnownedTaskExecutor())
        }
        due?()
        return !jobs.isEmpty || due != nil
    }

    private func rest(nanoseconds: Nanoseconds) {
        let time = shared.withLock { shared -> Nanoseconds in
            guard shared.jobs.isEmpty, !shared.isStopped else { return 0 }
            shared.isAsleep = true
            // One look at the clock: between two of them a deadline may pass, and the difference would be negative.
            let now = self.now
            let next = shared.alarms.next.map { $0 > now ? $0 - now : 0 }
            return min(nanoseconds, next ?? nanoseconds)
        }
        if time > 0, linux_wait_readable(waker, Int64(time)) > 0 {
            var count: UInt64 = 0
            _ = read(waker, &count, 8)
        }
        shared.withLock { $0.isAsleep = false }
    }

    private func wake() {
        var one: UInt64 = 1
        _ = write(waker, &one, 8)
    }
}
