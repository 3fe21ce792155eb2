// The event loop of a workstation rank: sleeps until a socket is readable, a job is queued, or an alarm is due.

import CZMQ
import DaftLink

public final class ZMQLoop: PolledLoop, @unchecked Sendable {
    private static let longestSleep: Nanoseconds = 10_000_000_000

    /// The sockets to wait for. Set it before running.
    var sockets: () -> [Socket] = { [] }

    override public init() {}

    /// Runs on the calling thread until stopped.
    public func run() {
        while !isStopped {
            let hasWorked = work()
            // Poll even if jobs never run out; otherwise messages would starve.
            if poll() || hasWorked { continue }
            rest(atMost: ZMQLoop.longestSleep) { [self] waker, time in
                var items = sockets().map {
                    zmq_pollitem_t(socket: $0.handle, fd: 0, events: Int16(ZMQ_POLLIN), revents: 0)
                }
                items.append(zmq_pollitem_t(socket: nil, fd: waker, events: Int16(ZMQ_POLLIN), revents: 0))
                // Round up, to avoid waking early.
                _ = zmq_poll(&items, Int32(items.count), Int((time + 999_999) / 1_000_000))
                return items[items.count - 1].revents != 0
            }
        }
    }
}
