// Bytes to a terminal, a pipe or a file. Whoever reads may be slow, or gone: neither may hang a command that the user
// wants to end, nor kill it.

import Glibc

/// How a write ended.
public enum Written: Hashable, Sendable {
    case done
    /// Nobody reads any more.
    case gone
    /// There was no room, and the user wanted an end.
    case stopped
    case failed(Int32)
}

/// Where a command's results and messages go.
public protocol Output: Sendable {
    /// How wide the terminal is that messages go to; nil where they go to none.
    var columns: Int? { get }

    /// Writes everything, waiting for room unless the user wants an end.
    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> Written
}

/// Standard output and standard error of this process.
struct StandardFiles: Output {
    private let wake: Int32

    /// Waiting ends when `wake` has something to read.
    init(until wake: Int32) { self.wake = wake }

    var columns: Int? {
        guard isatty(STDERR_FILENO) == 1 else { return nil }
        var size = winsize()
        guard ioctl(STDERR_FILENO, UInt(TIOCGWINSZ), &size) == 0, size.ws_col > 1 else { return 80 }
        return Int(size.ws_col)
    }

    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> Written {
        DaftShell.write(bytes, to: asErrors ? STDERR_FILENO : STDOUT_FILENO, until: wake)
    }
}

/// Writes all of `bytes`, waiting for room as long as `wake` has nothing to read.
func write(_ bytes: UnsafeRawBufferPointer, to file: Int32, until wake: Int32) -> Written {
    // A pipe with room for anything takes this much without blocking.
    let piece = isPlainFile(file) ? bytes.count : 4096
    var rest = bytes[...]
    while !rest.isEmpty {
        guard awaitRoom(file, until: wake) else { return .stopped }
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

func write(_ text: String, to file: Int32, until wake: Int32 = -1) -> Written {
    var text = text
    return text.withUTF8 { write(UnsafeRawBufferPointer($0), to: file, until: wake) }
}

/// Waits until `file` has something to read; false when `wake` has it first.
func awaitInput(_ file: Int32, until wake: Int32) -> Bool { awaitEvent(POLLIN, of: file, until: wake) }

private func awaitRoom(_ file: Int32, until wake: Int32) -> Bool { awaitEvent(POLLOUT, of: file, until: wake) }

/// What is ready is taken even when the user wants an end; only waiting ends by that.
private func awaitEvent(_ event: Int32, of file: Int32, until wake: Int32) -> Bool {
    var both = [
        pollfd(fd: file, events: Int16(event), revents: 0), pollfd(fd: wake, events: Int16(POLLIN), revents: 0),
    ]
    while poll(&both, 2, -1) < 0, errno == EINTR {}
    return both[0].revents != 0
}

private func isPlainFile(_ file: Int32) -> Bool {
    var status = stat()
    return fstat(file, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
}

/// A descriptor that was closed by whoever started us would be given to the next file that is opened, and what is
/// printed would land in a store.
func openStandardFiles() {
    for file in Int32(0)...2 where fcntl(file, F_GETFD) < 0 {
        _ = open("/dev/null", O_RDWR)
    }
}
