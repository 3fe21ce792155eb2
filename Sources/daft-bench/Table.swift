// Results as a Markdown table, with the machine on which they were measured.

import Glibc

struct Row {
    let what: String
    let daft: String
    /// What it is compared with: a peer's figure, or a limit.
    let peer: String
    var ratio: String = ""
    var goal: String = ""
    /// Nil if there is no goal.
    var isReached: Bool?

    var line: String {
        let missed = isReached == false ? " (goal \(goal) missed)" : ""
        return "| \([what, daft + missed, peer, ratio].joined(separator: " | ")) |"
    }
}

extension Row {
    /// Goal: at least `goal` times the peer's figure.
    init(_ what: String, _ daft: String, _ peer: String, ratio: Double, atLeast goal: Double) {
        self.init(
            what: what, daft: daft, peer: peer, ratio: fixed(ratio, 2), goal: "≥ \(fixed(goal, 2))",
            isReached: ratio >= goal)
    }

    /// Goal: at most `goal` times the peer's figure.
    init(_ what: String, _ daft: String, _ peer: String, ratio: Double, atMost goal: Double) {
        self.init(
            what: what, daft: daft, peer: peer, ratio: fixed(ratio, 2), goal: "≤ \(fixed(goal, 2))",
            isReached: ratio <= goal)
    }

    /// Goal: at most this many seconds.
    init(_ what: String, _ cost: Cost, atMostSeconds limit: Double) {
        self.init(
            what: what, daft: "\(fixed(cost.seconds, 2)) s", peer: "", goal: "≤ \(fixed(limit, 1)) s",
            isReached: cost.seconds <= limit)
    }

    /// Goal: at least this many per second.
    init(_ what: String, perSecond value: Double, atLeast goal: Double) {
        self.init(
            what: what, daft: "\(fixed(value, 0))/s", peer: "", goal: "≥ \(fixed(goal, 0))/s",
            isReached: value >= goal)
    }

    /// Goal: at most this much, in a unit.
    init(_ what: String, _ value: Double, _ unit: String, atMost limit: Double) {
        self.init(
            what: what, daft: "\(fixed(value, 2)) \(unit)", peer: "", goal: "≤ \(fixed(limit, 1)) \(unit)",
            isReached: value <= limit)
    }
}

struct Table {
    let machine: Machine
    let rows: [Row]

    var text: String {
        let head = "| what | daft | beside | ratio |\n| --- | --- | --- | --- |"
        return machine.text + "\n\n" + head + "\n" + rows.map(\.line).joined(separator: "\n")
    }

    private static let begin = "<!-- daft-bench core: begin -->"
    private static let end = "<!-- daft-bench core: end -->"

    /// Replaces the text between the markers of a file.
    func write(into file: String) throws {
        let lines = try contents(of: file).split(separator: "\n", omittingEmptySubsequences: false)
        guard let first = lines.firstIndex(of: Table.begin[...]), let last = lines.firstIndex(of: Table.end[...]),
            first < last
        else { throw PeerFailure(description: "\(file) has no markers of daft-bench core") }
        let whole =
            lines[...first].joined(separator: "\n") + "\n" + text + "\n" + lines[last...].joined(separator: "\n")
        guard let stream = fopen(file, "w") else { throw PeerFailure(description: "\(file) cannot be written") }
        fputs(whole, stream)
        guard fclose(stream) == 0 else { throw PeerFailure(description: "\(file) could not be written") }
    }
}

/// With this many decimals.
func fixed(_ value: Double, _ digits: Int) -> String {
    guard value.isFinite else { return "–" }
    var scale = 1
    for _ in 0..<digits { scale *= 10 }
    let scaled = Int((abs(value) * Double(scale)).rounded())
    let sign = value < 0 && scaled > 0 ? "-" : ""
    if digits == 0 { return "\(sign)\(scaled)" }
    let fraction = String(scaled % scale)
    return "\(sign)\(scaled / scale)." + String(repeating: "0", count: digits - fraction.count) + fraction
}

func rate(_ bytes: Int, _ seconds: Double) -> String { "\(fixed(Double(bytes) / seconds / 1e9, 2)) GB/s" }
