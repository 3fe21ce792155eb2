// The loop of a rank on workstations: its thread sleeps until a socket has something, a job is queued, or an alarm is
// due.

import CZMQ
import DaftLink

public final class ZMQLoop: PolledLoop, @unchecked Sendable {
    private static let longestSleep: Nanoseconds = 10_000_000_000

    /// The sockets to wait for. Only on the loop.
    var sockets: () -> [Socket] = { [] }

    override public init() {}

    /// Runs until stopped, on the calling thread.
    public func run() {
        while !isStopped {
            let hasWorked = work()
            // Also where there always is another job: else nothing that has come would be seen.
            if poll() || hasWorked { continue }
            rest(atMost: ZMQLoop.longestSleep) { [self] waker, time in
                var items = sockets().map {
                    zmq_pollitem_t(socket: $0.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
                }
                items.append(zmq_pollitem_t(socket: nil, fd: waker, events: Int16(ZMQ_POLLIN), revents: 0))
                // Whole milliseconds, and rather one too many than to wake in vain.
                _ = zmq_poll(&items, Int32(items.count), Int((time + 999_999) / 1_000_000))
                return items[items.count - 1].revents != 0
            }
        }
    }
}
