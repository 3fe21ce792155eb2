// What a node process is once it is on its own.

import DaftCore
import DaftLaunch
import DaftShell
import Glibc

/// Performs `order` until the node is told to end; the exit status.
func runNode(_ order: NodeOrder, _ reporter: NodeReporter) -> Int32 {
    let interruption = Interruption.ofProcess()
    let directory = order.rank == .metadataServer ? order.catalogue : order.store
    mkdir(String(decoding: directory, as: UTF8.self), 0o700)
    var report = NodeReport(pid: UInt32(getpid()), store: directory)
    report.port = order.port
    guard reporter.tell(.ready(report)) else { return 1 }
    reporter.leave(log: directory + Array("/log".utf8))
    var file = pollfd(fd: interruption.wake, events: Int16(POLLIN), revents: 0)
    while poll(&file, 1, -1) < 0 {}
    return 0
}
