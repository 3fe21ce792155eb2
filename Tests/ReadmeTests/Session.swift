// What a reader would type, in one shell, and whether it prints what the README shows of it.

import Foundation
import Testing
import TestPrograms

/// What a step has printed, and how it ended.
struct Outcome {
    let output: String
    let status: Int32
}

/// The script that does the steps one after the other and marks where each begins and ends. What is to stay beside
/// the others has begun when it says something.
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

/// Of what the script printed: what came of each step that was begun.
func outcomes(of output: String) -> [Outcome] {
    output.components(separatedBy: "\u{1}").dropFirst().map { part in
        let halves = part.components(separatedBy: "\u{2}")
        return Outcome(
            output: halves[0], status: halves.count == 2 ? Int32(halves[1].prefix { $0.isNumber }) ?? -1 : -1)
    }
}

/// Expects of each step that it printed what the README shows. `names` are what the README calls otherwise.
func expect(_ steps: [Step], toShow ended: Ended, naming names: [String: String] = [:]) {
    let outcomes = outcomes(of: ended.output)
    #expect(outcomes.count == steps.count && ended.errors.isEmpty, "\(ended)")
    for (step, outcome) in zip(steps, outcomes) {
        let output = names.reduce(outcome.output) { $0.replacing($1.key, with: $1.value) }
        // Open MPI's own, where two of its processes are faster than it thought.
        let printed = output.split(separator: "\n").map(String.init).filter { !$0.contains("plm:rsh: Warning") }
        #expect(
            plain(printed) == plain(step.shown),
            "\(step)\nprints\n\(output)\nand not\n\(step.shown.joined(separator: "\n"))")
        let isFailure = step.shown.contains { $0.starts(with: #/daft: [a-z]+: /#) }
        #expect((outcome.status != 0) == isFailure, "\(step) ended with \(outcome.status)")
    }
}

/// Lines without what differs from one time to another: how long it took, how fast it was, which day it is, the room on
/// disks, how wide a column is. Where several hosts report, any may be the first.
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
