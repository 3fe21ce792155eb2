// Bytes to a terminal, a pipe or a file. Whoever reads may be slow, or gone: neither may hang a command that the user
// wants to end, nor kill it.

import Glibc

/// How a write ended.
public enum WriteOutcome: Hashable, Sendable {
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
    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> WriteOutcome
}

/// Standard output and standard error of this process.
struct StandardFiles: Output {
    private let wake: Int32

    /// Waiting ends when `wake` has something to read.
    init(until wake: Int32) { self.wake = wake }

    var columns: Int? { UserTerminal.columns }

    func write(_ bytes: UnsafeRawBufferPointer, asErrors: Bool) -> WriteOutcome {
        asErrors
            ? DaftShell.write(bytes, to: STDERR_FILENO, until: wake)
            : DaftShell.write(bytes, to: STDOUT_FILENO, until: wake) { tellOfReader() }
    }

    /// Once somebody has to be waited for who reads standard output, unless he would have to read this as well.
    private func tellOfReader() {
        guard !areSame(STDOUT_FILENO, STDERR_FILENO), awaitRoom(STDERR_FILENO, until: -1, milliseconds: 0) == .ready
        else { return }
        let seconds = roomPatienceMilliseconds / 1_000
        let line = "daft: whoever reads standard output has taken nothing for \(seconds) s, and is waited for\n"
        _ = DaftShell.write(line, to: STDERR_FILENO, until: wake)
    }
}

/// How long a reader may take before anything is said of it.
private let roomPatienceMilliseconds: Int32 = 10_000

/// Writes all of `bytes`, waiting for room as long as `wake` has nothing to read. `impatient` is called once where
/// there is none for long.
func write(
    _ bytes: UnsafeRawBufferPointer, to file: Int32, until wake: Int32, impatient: (() -> Void)? = nil
) -> WriteOutcome {
    // A pipe with room for anything takes this much without blocking.
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

/// Waits until `file` has something to read; false when `wake` has it first.
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

/// What is ready is taken even when the user wants an end; only waiting ends by that. No time: without an end.
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

/// A descriptor that was closed by whoever started us would be given to the next file that is opened, and what is
/// printed would land in a store.
func openStandardFiles() {
    for file in Int32(0)...2 where fcntl(file, F_GETFD) < 0 {
        _ = open("/dev/null", O_RDWR)
    }
}
