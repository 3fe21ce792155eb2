// A rank's event log: one line per event, one file per rank. Logging never blocks: a dedicated thread writes, and lines
// that the disk cannot keep up with are dropped and counted in the next line.

import DaftModel
import Glibc
import Synchronization

public final class EventLog: Sendable {
    /// The most lines queued.
    private static let mostWaiting = 1_000

    private struct State {
        var file: Int32 = -1
        var waiting = 0
        var left = 0
    }

    private let path: [UInt8]
    private let level: LogLevel
    private let thread = Workers(threads: 1, name: "daft-log")
    private let state = Mutex(State())

    /// The file is created by `open` or the first line.
    public init(_ path: [UInt8], _ level: LogLevel) {
        self.path = path
        self.level = level
    }

    /// Also closes the log of a rank that failed to start.
    deinit { close() }

    /// Writes pending lines first.
    public func close() {
        thread.stop()
        state.withLock { state in
            if state.file >= 0 { Glibc.close(state.file) }
            state.file = -1
        }
    }

    /// Creates the file and its directories; throws if that fails.
    public func open() throws(Failure) {
        let directory = path.prefix(upTo: path.lastIndex(of: Name.slash) ?? 0)
        if !directory.isEmpty, withCString(directory, { mkdir($0, 0o700) }) != 0, errno != EEXIST {
            throw Failure(.failed, directory, "log: \(String(cString: strerror(errno)))")
        }
        let file = withCString(path) { Glibc.open($0, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0o600) }
        if file < 0 { throw Failure(.failed, path, "log: \(String(cString: strerror(errno)))") }
        state.withLock { $0.file = file }
    }

    /// `2026-02-03T04:05:06.123456Z info order.end order=fetch ms=123`
    public func note(_ level: LogLevel, _ event: String, _ fields: KeyValuePairs<String, String> = [:]) {
        guard level <= self.level else { return }
        let left: Int? = state.withLock { state in
            guard state.waiting < EventLog.mostWaiting else {
                state.left += 1
                return nil
            }
            defer { state.left = 0 }
            state.waiting += 1
            return state.left
        }
        guard let left else { return }
        let gap = left == 0 ? "" : logLine(now(), .warning, "log.left-out", ["lines": "\(left)"])
        let line = gap + logLine(now(), level, event, fields)
        thread.start { [self] in
            write(line)
            state.withLock { $0.waiting -= 1 }
        }
    }

    /// A write error cannot be logged.
    private func write(_ line: String) {
        if state.withLock({ $0.file }) < 0 { try? open() }
        let bytes = Array(line.utf8)
        _ = Glibc.write(state.withLock { $0.file }, bytes, bytes.count)
    }
}

private func logLine(
    _ time: String, _ level: LogLevel, _ event: String, _ fields: KeyValuePairs<String, String>
) -> String {
    let words = fields.map { "\($0.key)=\(logValue($0.value))" }
    return ([time, level.rawValue, event] + words).joined(separator: " ") + "\n"
}

/// Wall-clock time in microseconds.
private func now() -> String {
    var time = timespec()
    clock_gettime(CLOCK_REALTIME, &time)
    var parts = tm()
    gmtime_r(&time.tv_sec, &parts)
    var text = [CChar](repeating: 0, count: 64)
    let count = strftime(&text, text.count, "%Y-%m-%dT%H:%M:%S", &parts)
    let seconds = String(decoding: text.prefix(count).map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "\(seconds).\(String(1_000_000 + time.tv_nsec / 1_000).dropFirst())Z"
}
