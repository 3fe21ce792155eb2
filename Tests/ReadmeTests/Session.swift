// Runs README commands in one shell and compares their output with the README.

import Foundation
import Testing
import TestPrograms

/// A step's output and status.
struct Outcome {
    let output: String
    let status: Int32
}

/// A script that runs the steps in sequence and marks the start and end of each. A background step counts as started
/// once it prints something.
func script(of steps: [Step]) -> String {
    let parts = steps.map { step in
        let command = step.command.replacing(#/\s+# .*$/#, with: "")
        guard command.hasSuffix("&") else { return "printf '\\001'\n\(command)\nprintf '\\002%d' $?" }
        return """
            printf '\\001'; : >beside
            { \(command.dropLast()); } >beside 2>&1 &
            for _ in $(seq 400); do grep -qv plm:rsh beside && break; sleep 0.05; done; cat beside
            printf '\\002%d' 0
            """
    }
    return "exec 2>&1\n" + parts.joined(separator: "\n") + "\nwait\n"
}

/// The result of each started step, from the script's output.
func outcomes(of output: String) -> [Outcome] {
    output.components(separatedBy: "\u{1}").dropFirst().map { part in
        let halves = part.components(separatedBy: "\u{2}")
        return Outcome(
            output: halves[0], status: halves.count == 2 ? Int32(halves[1].prefix { $0.isNumber }) ?? -1 : -1)
    }
}

/// Expects each step's output as in the README. `names` maps actual names to the README's.
func expect(_ steps: [Step], toShow ended: Ended, naming names: [String: String] = [:]) {
    let outcomes = outcomes(of: ended.output)
    #expect(outcomes.count == steps.count && ended.errors.isEmpty, "\(ended)")
    for (step, outcome) in zip(steps, outcomes) {
        let output = names.reduce(outcome.output) { $0.replacing($1.key, with: $1.value) }
        // Open MPI's warning if two of its processes are faster than expected.
        let printed = output.split(separator: "\n").map(String.init).filter { !$0.contains("plm:rsh: Warning") }
        #expect(
            plain(printed) == plain(step.shown),
            "\(step)\nprints\n\(output)\nand not\n\(step.shown.joined(separator: "\n"))")
        let isFailure = step.shown.contains { $0.starts(with: #/daft: [a-z]+: /#) }
        #expect((outcome.status != 0) == isFailure, "\(step) ended with \(outcome.status)")
    }
}

/// Removes variable parts: durations, rates, dates, free space, column widths. If several hosts report, their order
/// does not matter.
private func plain(_ lines: [String]) -> [String] {
    let plain = lines.map { line in
        var line = line.replacing(#/, [\d.]+ [KMGT]?i?B\/s(, slowest \S+ in .*)?$/#, with: "")
        line.replace(#/\b(\d+m)?[\d.]+ ?(ms|s)\b/#, with: "TIME")
        line.replace(#/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/#, with: "DATE")
        if line.contains(" alive ") { line.replace(#/[\d.]+ [KMGT]iB/#, with: "SIZE") }
        line.replace(#/ {2,}/#, with: "  ")
        return line
    }
    let nodes = plain.filter { $0.contains(": data server, ") }.sorted()
    return plain.filter { !$0.contains(": data server, ") } + nodes
}
