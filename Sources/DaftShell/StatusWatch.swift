// status, once or repeatedly. Link rates are the difference between two samples.

import DaftCommand
import DaftEngine
import DaftLink
import DaftModel
import DaftWire

extension Shell {
    func status(_ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            let status = try await session.status()
            await console.put(console.style.json ? jsonRow(status) : description(of: status, console.style))
        }
    }

    /// Runs until the user interrupts it or nobody reads.
    func watch(everySeconds seconds: UInt32, _ session: Session) async -> Report {
        await showing { () async throws(Failure) in
            var last: StatusSample?
            while !Task.isCancelled, console.outputState == .done {
                let seen = StatusSample(status: try await session.status(), time: station.loop.now)
                await console.put(text(of: seen, after: last))
                last = seen
                await pause(untilMilliseconds: Int(seconds) * 1000)
            }
        }
    }

    /// In small steps, so that an interruption is noticed soon.
    private func pause(untilMilliseconds milliseconds: Int) async {
        let end = station.loop.deadline(inMilliseconds: milliseconds)
        while station.loop.now < end, !Task.isCancelled { await station.loop.sleep(milliseconds: 100) }
    }

    private func text(of seen: StatusSample, after last: StatusSample?) -> String {
        let style = console.style
        if style.json { return jsonRow(seen.status) }
        let text = description(of: seen.status, style, rates: last.map { seen.rates(since: $0) } ?? [:])
        guard style.isOnTerminal else { return (last == nil ? "" : "\n") + text }
        // Cursor home, erase each line's end, then everything below: avoids flicker.
        return (last == nil ? "\u{1b}[2J" : "") + "\u{1b}[H" + text.replacing("\n", with: "\u{1b}[K\n") + "\u{1b}[J"
    }
}

/// One sample of the system's status.
private struct StatusSample {
    let status: SystemStatus
    let time: Nanoseconds

    /// For each rank present in both samples.
    func rates(since last: StatusSample) -> [Rank: Rates] {
        var before: [Rank: Traffic] = [:]
        for node in last.status.nodes { if let rank = node.rank { before[rank] = node.traffic } }
        let seconds = Double(time - last.time) / 1e9
        var rates: [Rank: Rates] = [:]
        for node in status.nodes {
            guard let rank = node.rank, let traffic = node.traffic, let earlier = before[rank] else { continue }
            let moved = traffic.since(earlier)
            rates[rank] = Rates(incoming: Double(moved.received) / seconds, outgoing: Double(moved.sent) / seconds)
        }
        return rates
    }
}

/// Bytes per second.
private struct Rates {
    let incoming: Double
    let outgoing: Double
}

private func description(of status: SystemStatus, _ style: OutputStyle, rates: [Rank: Rates]? = nil) -> String {
    let alive = status.nodes.count { $0.space != nil }
    let facts = [
        ["state", "\(status.state)"], ["names", "\(status.entries)"],
        ["contents", "\(status.contents), \(style.amount(status.bytes))"],
        ["data servers", "\(alive) alive, \(status.nodes.count - alive) away"],
    ]
    let nodes = table(of: status.nodes, style, columns: rates.map(columns) ?? [])
    return aligned(facts) + "\n" + nodes + listing(of: status.commands, style)
}

private func columns(of rates: [Rank: Rates]) -> [Column] {
    func column(_ title: String, _ rate: @escaping (Rates) -> Double) -> Column {
        Column(title: title) { node in node.rank.flatMap { rates[$0] }.map { shown(rate: rate($0)) } ?? "-" }
    }
    return [column("in", \.incoming), column("out", \.outgoing)]
}

private func listing(of commands: [RunningCommand], _ style: OutputStyle) -> String {
    if commands.isEmpty { return "" }
    let rows = commands.map { command in
        [
            command.host, shown(moment(millisecondsAgo: command.milliseconds)),
            command.progress == Progress() ? "-" : shown(command.progress, rate: nil), shown(command.commandText),
        ].map { Tinted($0) }
    }
    return "\n" + aligned([titles(["node", "since", "progress", "command"])] + rows, style)
}
