// How a node process reports to its starter that it runs, or why not, and then detaches from it.

import CLinux
import DaftModel
import DaftWire
import Glibc
import Synchronization

public final class NodeReporter: Sendable {
    private let rank: Rank
    /// The report's descriptor; -1 once it is closed.
    private let file: Mutex<Int32>

    /// The report takes over standard output; other output goes to standard error.
    init(_ rank: Rank) {
        self.rank = rank
        file = Mutex(fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3))
        dup2(STDERR_FILENO, STDOUT_FILENO)
        Glibc.signal(SIGPIPE, SIG_IGN)
    }

    /// Call once. False: the starter has gone, and the node should end.
    @discardableResult
    public func send(_ message: NodeMessage) -> Bool {
        var message = message
        if case .ready(var report) = message, rank == .metadataServer, report.addresses.isEmpty {
            report.addresses = ownAddresses()
            message = .ready(report)
        }
        return file.withLock { file in
            defer {
                if file >= 0 { close(file) }
                file = -1
            }
            return writeAll(Array(message.line.utf8), to: file)
        }
    }

    /// Detaches from the starter: messages go to a log readable by its owner only. Returns a failure if the log cannot
    /// be written; messages are then discarded.
    @discardableResult
    public func leave(log path: [UInt8]) -> Failure? {
        let log = withCString(path) { open($0, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600) }
        let failure = log < 0 ? Failure(.failed, path, text(of: errno)) : nil
        let nothing = open("/dev/null", O_RDWR | O_CLOEXEC)
        dup2(nothing, STDIN_FILENO)
        for file in [STDOUT_FILENO, STDERR_FILENO] { dup2(log < 0 ? nothing : log, file) }
        for file in [log, nothing] where file > 2 { close(file) }
        return failure
    }
}

/// False if not everything could be written.
public func writeAll(_ bytes: [UInt8], to file: Int32) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
        let count = rest.withUnsafeBytes { write(file, $0.baseAddress, $0.count) }
        if count > 0 {
            rest = rest.dropFirst(count)
        } else if errno != EINTR {
            return false
        }
    }
    return true
}
