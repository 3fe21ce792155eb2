// How far a command is: a line that redraws on a terminal, a line every ten seconds in a log, nothing for what is
// short.

import DaftCore
import DaftEngine
import DaftLink
import Synchronization

final class ProgressLine: Sendable {
    private struct State {
        var latest = Progress()
        var copies = 1
        var pace = Pace()
        var alarm: Alarm?
        var isOver = false
    }

    private let command: String
    private let console: Console
    private let loop: any Loop
    private let state = Mutex(State())

    init(_ command: String, _ console: Console, on loop: any Loop) {
        self.command = command
        self.console = console
        self.loop = loop
    }

    func note(_ progress: Progress, copies: Int) {
        state.withLock { state in
            state.latest = progress
            state.copies = copies
        }
    }

    func begin() {
        guard console.style.progress else { return }
        setAlarm(inMilliseconds: console.columns != nil ? 500 : 10_000)
    }

    func end() async {
        let alarm = state.withLock { state in
            state.isOver = true
            return state.alarm
        }
        if let alarm { loop.cancel(alarm) }
        await console.clear()
    }

    private func setAlarm(inMilliseconds milliseconds: Int) {
        let deadline = loop.deadline(inMilliseconds: milliseconds)
        let alarm = loop.alarm(at: deadline) { [self] in tick() }
        state.withLock { $0.alarm = alarm }
    }

    private func tick() {
        if state.withLock({ $0.isOver }) { return }
        setAlarm(inMilliseconds: console.columns != nil ? 200 : 10_000)
        loop.start { [self] in
            await console.draw { [self] in line() }
        }
    }

    private func line() -> String? {
        let now = loop.now
        return state.withLock { state in
            if state.isOver || state.latest == Progress() { return nil }
            let rate = state.pace.note(state.latest.bytes, at: now)
            let goal = state.copies > 1 ? " to each of \(counted(Int64(state.copies), "data server"))" : ""
            return "\(command)\(goal): " + shown(state.latest, rate: rate)
        }
    }
}

/// Bytes a second over the last few seconds.
struct Pace {
    static let window: Nanoseconds = 5_000_000_000
    private var seen: [(time: Nanoseconds, bytes: Int64)] = []

    mutating func note(_ bytes: Int64, at now: Nanoseconds) -> Double? {
        seen.append((now, bytes))
        while seen.count > 2, seen[1].time + Pace.window <= now { seen.removeFirst() }
        guard let first = seen.first, first.time < now else { return nil }
        return Double(bytes - first.bytes) / Double(now - first.time) * 1e9
    }
}

/// `1.2 GiB of 4.0 GiB, 12 of 40 files, 118.0 MiB/s, 24 s left`
func shown(_ progress: Progress, rate: Double?) -> String {
    var parts = [amount(progress.bytes, of: progress.totalBytes)]
    if progress.totalFiles > 0 { parts.append("\(progress.files) of \(counted(progress.totalFiles, "file"))") }
    if let rate, rate > 0 {
        parts.append(shown(rate: rate))
        let rest = Double(progress.totalBytes - progress.bytes) / rate
        if rest >= 0.5, rest < 1e8 { parts.append(shown(.seconds(Int64(rest.rounded()))) + " left") }
    }
    return parts.joined(separator: ", ")
}

private func amount(_ bytes: Int64, of total: Int64) -> String {
    total > bytes ? "\(shown(size: bytes)) of \(shown(size: total))" : shown(size: bytes)
}
