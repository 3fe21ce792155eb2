// Base of loops that also poll the network: job queue, alarms and wake-up. Subclasses define how they wait: MPI polls,
// ZeroMQ sleeps.

import CLinux
import Glibc
import Synchronization

open class PolledLoop: Loop, @unchecked Sendable {
    private struct Shared {
        var jobs: [UnownedJob] = []
        var alarms = AlarmQueue()
        var isStopped = false
        var isAsleep = false
    }

    private let waker: Int32
    private let shared = Mutex(Shared())
    private let thread = LoopThread()
    /// Polls the network; true if anything happened. Set it before running.
    public var poll: () -> Bool = { false }

    public init() { waker = linux_eventfd() }

    deinit { close(waker) }

    public var now: Nanoseconds { monotonicNow() }

    public var isCurrent: Bool { thread.isCurrent }

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

    /// Makes the loop end after its current round.
    public func stop() {
        shared.withLock { $0.isStopped = true }
        wake()
    }

    public var isStopped: Bool { shared.withLock { $0.isStopped } }

    /// Runs queued jobs and due alarms; true if there were any.
    public func work() -> Bool {
        thread.enter()
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

    /// Calls `sleep` to wait until its file is readable or the time is over, unless there is work. `sleep` returns
    /// whether the file is readable.
    public func rest(atMost longest: Nanoseconds, _ sleep: (_ waker: Int32, _ time: Nanoseconds) -> Bool) {
        let time = shared.withLock { shared -> Nanoseconds in
            guard shared.jobs.isEmpty, !shared.isStopped else { return 0 }
            shared.isAsleep = true
            // Read the clock once: between two reads the deadline could pass, and the difference would underflow.
            let now = self.now
            let next = shared.alarms.next.map { $0 > now ? $0 - now : 0 }
            return min(longest, next ?? longest)
        }
        if time > 0, sleep(waker, time) {
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
