// Progress of a command: a redrawn line on a terminal, a line every ten seconds in a log, nothing for short commands.
// Reports the nodes waited for if nothing moves.

import DaftCommand
import DaftEngine
import DaftLink
import DaftModel
import DaftWire
import Synchronization

final class ProgressLine: Sendable {
    private static let patienceMilliseconds: UInt64 = 10_000
    private static let shownNodes = 3

    private struct State {
        var pace: RecentRate
        var alarm: Alarm?
        /// When to draw next.
        var due: Nanoseconds = 0
        /// The waited-for nodes reported last.
        var awaited: [String] = []
        var isOver = false
    }

    private let verb: Verb
    private let commandProgress: CommandProgress
    private let console: Console
    private let loop: any Loop
    private let origin: CommandOrigin
    private let state: Mutex<State>

    init(
        _ verb: Verb, _ commandProgress: CommandProgress, _ console: Console, on loop: any Loop,
        at origin: CommandOrigin
    ) {
        self.verb = verb
        self.commandProgress = commandProgress
        self.console = console
        self.loop = loop
        self.origin = origin
        state = Mutex(State(pace: RecentRate(over: commandProgress.grain)))
    }

    private var isOnTerminal: Bool { console.columns != nil }

    func begin() {
        if console.style.quiet { return }
        setDue(inMilliseconds: isOnTerminal ? 500 : 10_000)
        setAlarm()
    }

    func end() async {
        let alarm = state.withLock { state in
            state.isOver = true
            return state.alarm
        }
        if let alarm { loop.cancel(alarm) }
        await console.clear()
    }

    private func setDue(inMilliseconds milliseconds: Int) {
        let due = loop.deadline(inMilliseconds: milliseconds)
        state.withLock { $0.due = due }
    }

    private func setAlarm() {
        let alarm = loop.alarm(at: loop.deadline(inMilliseconds: isOnTerminal ? 200 : 1_000)) { [self] in tick() }
        state.withLock { $0.alarm = alarm }
    }

    private func tick() {
        let (isOver, due) = state.withLock { ($0.isOver, $0.due) }
        if isOver { return }
        setAlarm()
        let isDue = console.style.drawsProgress && loop.now >= due
        if isDue { setDue(inMilliseconds: isOnTerminal ? 0 : 10_000) }
        loop.start { [self] in
            await tellAwaited()
            if isDue { await console.draw { [self] in line() } }
        }
    }

    /// Reports waited-for nodes once; again if they change or something has moved since.
    private func tellAwaited() async {
        let awaited = await commandProgress.awaited(afterMilliseconds: ProgressLine.patienceMilliseconds)
        let isNew = state.withLock { state in
            defer { state.awaited = awaited }
            return !state.isOver && !awaited.isEmpty && state.awaited != awaited
        }
        if !isNew { return }
        let rest = awaited.count - ProgressLine.shownNodes
        let nodes =
            awaited.prefix(ProgressLine.shownNodes).joined(separator: ", ") + (rest > 0 ? " and \(rest) more" : "")
        let failure = Failure(
            .unreachable, [], node: nodes,
            "waited for: nothing has moved for \(ProgressLine.patienceMilliseconds / 1_000) s")
        await console.show(failure, of: verb, at: origin, isWarning: true)
    }

    private func line() -> String? {
        let (progress, copies) = commandProgress.now
        let (slowest, now) = (commandProgress.slowestBytes, loop.now)
        return state.withLock { state in
            if state.isOver || progress == Progress() { return nil }
            let reached = slowest ?? progress.bytes
            let rate = state.pace.note(reached, at: now)
            let goal = copies > 1 ? " to each of \(counted(Int64(copies), "data server"))" : ""
            return "\(verb.rawValue)\(goal): " + shown(progress, rate: rate, reached: reached)
        }
    }
}

/// The rate over the last few seconds; over a longer time if a limit spaces transfers further apart.
struct RecentRate {
    private static let least: Nanoseconds = 5_000_000_000
    private let window: Nanoseconds

    init(over grain: Nanoseconds = 0) { window = max(RecentRate.least, 4 * grain) }

    private var seen: [(time: Nanoseconds, bytes: Int64)] = []

    mutating func note(_ bytes: Int64, at now: Nanoseconds) -> Double? {
        seen.append((now, bytes))
        while seen.count > 2, seen[1].time + window <= now { seen.removeFirst() }
        guard let first = seen.first, first.time < now else { return nil }
        return Double(bytes - first.bytes) / Double(now - first.time) * 1e9
    }
}

/// `1.2 GiB of 4.0 GiB, 12 of 40 files, 118.0 MiB/s, 24 s left`. Omits the total until it exceeds the bytes done. The
/// rate and remaining time are those of a receiver that has `reached` bytes.
func shown(_ progress: Progress, rate: Double?, reached: Int64? = nil) -> String {
    var parts = [amount(progress.bytes, of: progress.totalBytes)]
    if progress.totalFiles > progress.files {
        parts.append("\(progress.files) of \(counted(progress.totalFiles, "file"))")
    } else if progress.files > 0 {
        parts.append(counted(progress.files, "file"))
    }
    if let rate, rate > 0 {
        parts.append(shown(rate: rate))
        let rest = Double(progress.totalBytes - (reached ?? progress.bytes)) / rate
        if rest >= 0.5, rest < 1e8 { parts.append(shown(.seconds(Int64(rest.rounded()))) + " left") }
    }
    return parts.joined(separator: ", ")
}

private func amount(_ bytes: Int64, of total: Int64) -> String {
    total > bytes ? "\(shown(size: bytes)) of \(shown(size: total))" : shown(size: bytes)
}
