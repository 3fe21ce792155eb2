// The loop of a rank under MPI: the main thread runs jobs, looks at alarms and at the network, and when there is
// nothing to do it sleeps, longer and longer, so that a data server beside a computation is not noticed. Workers wake
// it.
//
// Open MPI 4.1 looks at completions before it makes progress: after a sleep the network is polled twice, or a message
// that has come would be seen only after the next sleep.

import CLinux
import DaftLink

public final class MPILoop: PolledLoop, @unchecked Sendable {
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

    private let patience: Patience

    public init(_ patience: Patience = Patience()) { self.patience = patience }

    /// Runs until stopped, on the calling thread.
    public func run() {
        var idlePolls = 0
        var lastWork = now
        var sleep = patience.firstSleepMicroseconds
        while !isStopped {
            let hasWorked = work()
            // Also where there always is another job: else nothing that has come would be seen.
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
