// Messages while a workstation system starts: a line per node, and the number running at the end.

import DaftCommand
import DaftEngine
import DaftModel
import DaftWire

extension Console {
    /// Reports the outcome of starting the node of `rank`.
    public func show(_ rank: Rank, on host: String, _ outcome: Result<NodeReport, Failure>) async {
        switch outcome {
        case .success(let report):
            if style.json {
                await put(jsonRow(rank, host, report))
            } else if !style.quiet {
                await put(line(rank, host, report))
            }
            var warnings = Report()
            warnings.warnings = report.warnings.map { $0.at(host) }
            await show(warnings, of: nil, at: .arguments)
        case .failure(let failure): await fail(failure.at(host))
        }
    }

    public func fail(_ failure: Failure) async { await show(.failed(failure), of: nil, at: .arguments) }

    /// Prints an optional hint.
    public func mention(_ message: String) async { if !style.quiet, !style.json { await writeMessage(message) } }
}

private func role(_ rank: Rank) -> String { rank == .metadataServer ? "metadata server" : "data server" }

private func line(_ rank: Rank, _ host: String, _ report: NodeReport) -> String {
    let what = rank == .metadataServer ? "catalogue" : "store"
    let storeText = report.store.isEmpty ? "" : ", \(what) \(shown(report.store))"
    return "\(host): \(role(rank))\(storeText)\(report.isResumed ? ", ran already" : "")\n"
}

private func jsonRow(_ rank: Rank, _ host: String, _ report: NodeReport) -> String {
    jsonLine(
        "started",
        [
            "node": .text(host), "rank": .number(Int64(rank.number)), "role": .text(role(rank)),
            "pid": .number(Int64(report.pid)), "port": .number(Int64(report.port)), "store": .bytes(report.store),
            "resumed": .truth(report.isResumed),
        ])
}
