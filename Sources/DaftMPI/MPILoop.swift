// The event loop under MPI: the main thread runs jobs, alarms and network polls. When idle it sleeps for increasing
// times, so that a data server does not disturb a computation. Workers wake it.
//
// Open MPI 4.1 tests for completion before it makes progress: after a sleep the network is polled twice, otherwise a
// message would be seen only after the next sleep.

import CLinux
import DaftLink

public final class MPILoop: PolledLoop, @unchecked Sendable {
    /// How a rank waits for events.
    public struct Patience: Sendable {
        /// Idle polls before the first sleep. On slow links a piece arrives every millisecond, and polling in between
        /// would take a whole core.
        public var polls = 10
        public var firstSleepMicroseconds: UInt64 = 50
        public var longestSleepMicroseconds: UInt64 = 500
        /// After this long without events, sleeps may last `idleSleepMicroseconds`.
        public var idleAfterMilliseconds: UInt64 = 200
        public var idleSleepMicroseconds: UInt64 = 5_000

        public init() {}
    }

    private let patience: Patience

    public init(_ patience: Patience = Patience()) { self.patience = patience }

    /// Runs on the calling thread until stopped.
    public func run() {
        var idlePolls = 0
        var lastWork = now
        var sleep = patience.firstSleepMicroseconds
        while !isStopped {
            let hasWorked = work()
            // Poll even if jobs never run out; otherwise messages would starve.
            if poll() || hasWorked {
                (idlePolls, lastWork, sleep) = (0, now, patience.firstSleepMicroseconds)
                continue
            }
            idlePolls += 1
            if idlePolls < patience.polls { continue }
            let isIdle = now - lastWork > patience.idleAfterMilliseconds * 1_000_000
            let longest = isIdle ? patience.idleSleepMicroseconds : patience.longestSleepMicroseconds
            rest(atMost: min(sleep, longest) * 1_000) { waker, time in linux_wait_readable(waker, Int64(time)) > 0 }
            sleep = min(sleep * 2, longest)
            if poll() { (idlePolls, lastWork, sleep) = (0, now, patience.firstSleepMicroseconds) }
        }
    }
}
