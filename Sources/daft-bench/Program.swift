// daft-bench: measures daft on this machine, compared with common alternatives. Each figure is the median of several
// rounds; within a round daft and its peer alternate, so that load on disk or processor affects both.
//
//     daft-bench core [--write FILE] [--only PART]…
//
// PART is one of ingest, get, small, again, catalogue, view, memory. Results go to standard output as a table and, with
// `--write`, between the markers in FILE.

import Glibc

@main
struct Program {
    private static let usage =
        "usage: daft-bench core [--write FILE] [--only ingest|get|small|again|catalogue|view|memory]…"

    static func main() async {
        do {
            try await run(Array(CommandLine.arguments.dropFirst()))
        } catch {
            complain("daft-bench: \(error)")
            exit(1)
        }
    }

    private static func run(_ arguments: [String]) async throws {
        // Memory is measured in a separate process.
        if arguments.first == "stage", arguments.count == 2 { return try await MemoryBench.stage(arguments[1]) }
        guard arguments.first == "core" else { return refuse() }
        var file: String?
        var parts: [String] = []
        var rest = arguments.dropFirst()
        while let option = rest.popFirst() {
            switch (option, rest.popFirst()) {
            case ("--write", let value?): file = value
            case ("--only", let value?): parts.append(value)
            default: return refuse()
            }
        }
        let scratch = try Scratch(freeBytesNeeded: 12 << 30)
        defer { scratch.remove() }
        let table = Table(machine: try Machine(of: scratch.path), rows: try await rows(parts, scratch))
        print(table.text)
        if let file { try table.write(into: file) }
    }

    private static func rows(_ parts: [String], _ scratch: Scratch) async throws -> [Row] {
        func isWanted(_ part: String) -> Bool { parts.isEmpty || parts.contains(part) }
        var rows: [Row] = []
        if isWanted("ingest") || isWanted("get") {
            let large = try LargeBench(scratch)
            if isWanted("ingest") { rows += try await large.ingest() }
            if isWanted("get") { rows += try await large.get() }
            try large.remove()
        }
        if isWanted("small") { rows += try await SmallBench(scratch).run() }
        if isWanted("again") { rows += try await AgainBench(scratch).run() }
        if isWanted("catalogue") { rows += try await CatalogueBench(scratch).run() }
        if isWanted("view") { rows += try await ViewBench(scratch).run() }
        if isWanted("memory") { rows += try MemoryBench(scratch).run() }
        return rows
    }

    private static func refuse() {
        complain(usage)
        exit(2)
    }
}

/// Prints a line to standard error.
func complain(_ text: String) {
    let line = text + "\n"
    _ = write(STDERR_FILENO, line, line.utf8.count)
}
