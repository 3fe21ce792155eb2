// Messages at the end of a command: results, failures, exit status.

import DaftCommand
import DaftEngine
import DaftLink
import DaftModel
import DaftPlan

/// The source of a command: none for program arguments, `jobs.txt:3` for a line of a job file.
public struct CommandOrigin: Sendable {
    /// Nil if obvious.
    public let place: String?

    public init(place: String?) { self.place = place }

    public static let arguments = CommandOrigin(place: nil)

    /// The prefix of a message: `jobs.txt:3: put: …`.
    func prefix(_ verb: Verb?) -> String {
        ([place, verb?.rawValue].compactMap(\.self) + [""]).joined(separator: ": ")
    }
}

extension Console {
    /// From this many equal messages on, prints one with a count.
    private static let smallestGroup = 5

    /// Prints failures; with --json as objects on standard output, unless that carries data. JSON has each failure
    /// except those that are missing on one node for one reason.
    func show(_ report: Report, of verb: Verb?, at origin: CommandOrigin) async {
        let count = style.json ? Int.max : Console.smallestGroup
        if !style.quiet || style.json {
            for warning in report.warnings.condensed(fromCount: count) {
                await show(warning, of: verb, at: origin, isWarning: true)
            }
        }
        for failure in report.failures.condensed(fromCount: count) {
            await show(failure, of: verb, at: origin, isWarning: false)
        }
    }

    /// Prints why a command was not started.
    public func show(_ failure: Failure, of command: Command, at origin: CommandOrigin) async {
        await show(failure, of: command.verb, at: origin, isWarning: false)
    }

    func show(_ failure: Failure, of verb: Verb?, at origin: CommandOrigin, isWarning: Bool) async {
        if style.json, verb != .cat {
            await put(jsonLine(failure, isWarning ? "warning" : "failure", verb, origin))
        } else {
            await writeMessage(origin.prefix(verb) + (isWarning ? "warning: " : "") + "\(failure)")
        }
    }
}

private func jsonLine(_ failure: Failure, _ type: String, _ verb: Verb?, _ origin: CommandOrigin) -> String {
    jsonLine(
        type,
        [
            "command": verb.map { .text($0.rawValue) } ?? .nothing,
            "line": origin.place.map { .text($0) } ?? .nothing,
            "kind": .text("\(failure.kind)"),
            "node": failure.node.isEmpty ? .nothing : .text(failure.node),
            "subject": failure.subject.isEmpty ? .nothing : .bytes(failure.subject),
            "reason": .text(failure.reason),
            "exitStatus": .number(Int64(failure.exitStatus)),
        ])
}

/// A one-line summary of a command; nil if it did nothing. `isLog`: output is not watched, so the rate is included.
func summary(
    of report: Report, _ command: Command, took time: Duration, _ style: OutputStyle, isLog: Bool = false
) -> String? {
    guard let verb = command.verb, let what = summaryText(of: command, report, style) else { return nil }
    if report.files == 0, !report.failures.isEmpty { return nil }
    if style.json {
        return jsonLine(
            verb.rawValue,
            [
                "names": .list(report.names.map { .name($0) }), "files": .number(report.files),
                "bytes": .number(report.bytes), "moved": .number(report.moved), "places": .texts(report.servers),
                "milliseconds": .number(milliseconds(time)),
                "bytesPerSecond": rate(of: report, time).map { .number(Int64($0)) } ?? .nothing,
                "slowest": report.slowest.map { .text($0.server) } ?? .nothing,
                "slowestMilliseconds": report.slowest.map { .number(milliseconds($0.time)) } ?? .nothing,
            ])
    }
    var pace = ""
    if isLog, let rate = rate(of: report, time) { pace += ", \(shown(rate: rate))" }
    if isLog, let slowest = report.slowest { pace += ", slowest \(slowest.server) in \(shown(slowest.time))" }
    let subject = report.names.isEmpty ? "" : "\(shown(names: report.names)): "
    return "\(subject)\(what), \(style.amount(report.moved)) moved, \(shown(time))\(pace)\n"
}

private func milliseconds(_ time: Duration) -> Int64 { Int64(time / .milliseconds(1)) }

/// Bytes per second; nil without bytes.
private func rate(of report: Report, _ time: Duration) -> Double? {
    let seconds = time / .seconds(1)
    return report.bytes > 0 && seconds > 0 ? Double(report.bytes) / seconds : nil
}

private func summaryText(of command: Command, _ report: Report, _ style: OutputStyle) -> String? {
    let (files, amount) = (counted(report.files, "file"), style.amount(report.bytes))
    let servers = shown(servers: report.servers)
    switch command {
    case .put(_, _, _, _, let options) where options.dryRun, .diffuse(_, _, _, let options) where options.dryRun,
        .bcast(_, _, _, let options) where options.dryRun:
        return "\(files), \(amount) would be read and published on \(servers)"
    case .put, .diffuse: return "\(files), \(amount) published on \(servers)"
    case .bcast: return "\(files), \(amount) on \(servers)"
    case .repair:
        return report.files == 0 && report.failures.isEmpty
            ? "nothing lacks"
            : "\(report.files) cop\(report.files == 1 ? "y" : "ies") made, \(amount)"
    case .leave:
        return report.failures.isEmpty ? "\(servers) has left, \(amount) copied before" : nil
    case .fetch: return "\(files), \(amount) brought to \(servers)"
    case .sbcast(_, let path, _, _, _): return "\(amount) written to \(shown(path)) on \(servers)"
    case .gather(_, let path, _, _, _):
        return "\(files), \(amount) gathered from \(servers) to \(shown(path))"
    case .get(_, let path, _):
        return "\(files), \(amount) written" + (path.map { " to \(shown($0))" } ?? "")
    default: return nil
    }
}

private func shown(names: [Name]) -> String {
    let first = names.prefix(3).map(\.description).joined(separator: ", ")
    return names.count > 3 ? "\(first) and \(names.count - 3) more" : first
}

private func shown(servers: [String]) -> String {
    if servers.isEmpty { return "no data server wholly" }
    return servers.count > 4 ? "\(servers.count) data servers" : servers.joined(separator: " ")
}
