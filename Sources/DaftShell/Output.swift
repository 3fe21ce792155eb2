// Writes to a terminal, pipe or file. A slow or vanished reader must neither block a command that the user wants to end
// nor kill it.

import Glibc

/// The result of a write.
public enum WriteOutcome: Hashable, Sendable {
    case done
    /// The reader has gone.
    case gone
    /// The user requested an end while the output was blocked.
    case stopped
    case failed(Int32)
}

/// The destination of results and messages.
public protocol Output: Sendable {
    /// Width of the messages' terminal; nil without one.
    var columns: Int? { get }

    /// Writes everything; blocks unless the user requests an end.
    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> WriteOutcome
}

/// This process's standard output and error.
struct StandardFiles: Output {
    private let wake: Int32

    /// Blocking ends when `wake` is readable.
    init(until wake: Int32) { self.wake = wake }

    var columns: Int? { UserTerminal.columns }

    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> WriteOutcome {
        asErrors
            ? DaftShell.write(bytes, to: STDERR_FILENO, until: wake)
            : DaftShell.write(bytes, to: STDOUT_FILENO, until: wake) { tellOfReader() }
    }

    /// Reports a blocked standard output, unless standard error would block too.
    private func tellOfReader() {
        guard !areSame(STDOUT_FILENO, STDERR_FILENO), awaitRoom(STDERR_FILENO, until: -1, milliseconds: 0) == .ready
        else { return }
        let seconds = roomPatienceMilliseconds / 1_000
        let line = "daft: whoever reads standard output has taken nothing for \(seconds) s, and is waited for\n"
        _ = DaftShell.write(line, to: STDERR_FILENO, until: wake)
    }
}

/// How long standard output may block before this is reported.
private let roomPatienceMilliseconds: Int32 = 10_000

/// Writes all of `bytes`, blocking until `wake` is readable. Calls `impatient` once if blocked for long.
func write(
    _ bytes: UnsafeRawBufferPointer, to file: Int32, until wake: Int32, impatient: (() -> Void)? = nil
) -> WriteOutcome {
    // A pipe reported writable takes this much without blocking.
    let piece = isPlainFile(file) ? bytes.count : 4096
    var rest = bytes[...]
    var impatient = impatient
    while !rest.isEmpty {
        switch awaitRoom(file, until: wake, milliseconds: impatient == nil ? -1 : roomPatienceMilliseconds) {
        case .ready: break
        case .interrupted: return .stopped
        case .late:
            impatient?()
            impatient = nil
            continue
        }
        let some = UnsafeRawBufferPointer(rebasing: rest.prefix(piece))
        let count = Glibc.write(file, some.baseAddress, some.count)
        if count >= 0 {
            rest = rest.dropFirst(count)
        } else if errno == EPIPE {
            return .gone
        } else if errno != EINTR, errno != EAGAIN {
            return .failed(errno)
        }
    }
    return .done
}

func write(_ text: String, to file: Int32, until wake: Int32 = -1) -> WriteOutcome {
    var text = text
    return text.withUTF8 { write(UnsafeRawBufferPointer($0), to: file, until: wake) }
}

/// Waits for input; false if `wake` becomes readable first.
func awaitInput(_ file: Int32, until wake: Int32) -> Bool {
    awaitEvent(POLLIN, of: file, until: wake, milliseconds: -1) == .ready
}

private func awaitRoom(_ file: Int32, until wake: Int32, milliseconds: Int32) -> WaitOutcome {
    awaitEvent(POLLOUT, of: file, until: wake, milliseconds: milliseconds)
}

private enum WaitOutcome {
    case ready
    case interrupted
    case late
}

/// A ready file takes precedence over `wake`. Negative time: no timeout.
private func awaitEvent(_ event: Int32, of file: Int32, until wake: Int32, milliseconds: Int32) -> WaitOutcome {
    var both = [
        pollfd(fd: file, events: Int16(event), revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
    ]
    var count: Int32
    repeat { count = poll(&both, 2, milliseconds) } while count < 0 && errno == EINTR
    return both[0].revents != 0 ? .ready : count == 0 ? .late : .interrupted
}

private func areSame(_ file: Int32, _ other: Int32) -> Bool {
    var (one, two) = (stat(), stat())
    return fstat(file, &one) == 0 && fstat(other, &two) == 0 && one.st_dev == two.st_dev && one.st_ino == two.st_ino
}

private func isPlainFile(_ file: Int32) -> Bool {
    var status = stat()
    return fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

/// Opens closed standard descriptors, which otherwise would be reused for store files and receive output.
func openStandardFiles() {
    for file in Int32(0)...2 where fcntl(file, F_GETFD) < 0 {
        _ = open("/dev/null", O_RDWR)
    }
}
