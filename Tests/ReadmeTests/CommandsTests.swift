// Every command of the README is run by a session of these tests or listed as run by another test; and its tables are
// complete.

import DaftCommand
import Foundation
import Testing
import TestPrograms

/// Commands run by other tests, by their beginnings.
private let elsewhere = [
    "make demo",  // DemoTests
    "make check",  // five of the rows of make test
    "make test",  // .ci/run
    "sbatch -N 8 slurm/stage-in.sbatch ",  // SchedulerTests/StageInTests
    "oarsub -l nodes=8 -S \"jobs/oar-stage.sh ",  // SchedulerTests/OARTests
]

func isRunElsewhere(_ step: Step) -> Bool { elsewhere.contains { step.command.hasPrefix($0) } }

@Suite struct CommandsTests {
    /// Headings below which a session is run.
    static let sessions = ["By hand", "In a job", "On workstations"]

    @Test func everyCommandIsRunByATest() {
        for block in Readme.blocks {
            for step in block.steps where !CommandsTests.sessions.contains(block.heading) {
                #expect(isRunElsewhere(step), "\(step): no test runs it")
            }
        }
        let steps = Readme.blocks.flatMap(\.steps)
        for beginning in elsewhere {
            #expect(steps.contains { $0.command.hasPrefix(beginning) }, "\(beginning): not in the README")
        }
        // Only the diagram has no commands.
        #expect(Readme.blocks.filter { $0.steps.isEmpty }.count == 1)
        #expect(steps.count > 20)
    }

    /// Rows of the command table: the usage by its command, or by each of `put|bcast`.
    private var rows: [String: [String]] {
        let rows = Readme.section("Commands").filter { $0.hasPrefix("| `") }
        let uses = rows.flatMap { Readme.code(in: $0.replacing("\\|", with: "/").components(separatedBy: " | ")[0]) }
        let pairs = uses.flatMap { use in
            use.prefix { $0 != " " }.split(separator: "/").map { (String($0), Readme.options(in: use)) }
        }
        return Dictionary(pairs) { $0 + $1 }
    }

    @Test func theTableHasEveryCommandWithItsOptionsAndNoOther() throws {
        var expected = Dictionary(uniqueKeysWithValues: Verb.allCases.map { ($0.rawValue, $0.shape.options) })
        for word in ProgramShape.all.flatMap(\.subcommands) { expected[word.word] = [] }
        expected["serve"] = []
        // Written together with its argument.
        let rows = Dictionary(uniqueKeysWithValues: rows.map { ($0 == "!COMMAND" ? "!" : $0, $1) })
        #expect(Set(rows.keys) == Set(expected.keys))
        for (word, options) in expected {
            let table = OptionTable(options)
            let named = (rows[word] ?? []).flatMap { table[$0] == nil && !$0.hasPrefix("--") ? letters($0) : [$0] }
            #expect(named.allSatisfy { table[$0] != nil }, "\(word): \(named)")
            for option in options {
                #expect(!option.names.allSatisfy { !named.contains($0) }, "\(word) \(option.name)")
            }
        }
    }

    /// `-lc` is `-l` and `-c`.
    private func letters(_ option: String) -> [String] { option.dropFirst().map { "-\($0)" } }

    @Test func everyOptionOfThePrograms() {
        let tables = (ProgramShape.all + [.starting]).map(\.table) + [OptionTable.jobCommand]
        let rows = Readme.section("Options").filter { $0.hasPrefix("| ") }.flatMap(Readme.code(in:))
        let named = Set(rows.flatMap(Readme.options(in:)))
        for option in tables.flatMap(\.options) {
            #expect(!named.isDisjoint(with: option.names), "\(option.name) is not in the README")
        }
        for name in named { #expect(tables.contains { $0[name] != nil }, "no program has \(name)") }
    }

    @Test func whatIsNamedInTheTextExists() {
        let code = Readme.lines.flatMap(Readme.code(in:))
        let known = Set((ProgramShape.all + [.starting]).flatMap(\.table.options).flatMap(\.names))
            .union(Verb.allCases.flatMap(\.shape.options).flatMap(\.names))
            .union(OptionTable.jobCommand.options.flatMap(\.names))
        let makefile = Readme.file("Makefile")
        for span in code where span.hasPrefix("make ") {
            let target = span.dropFirst(5).prefix { $0 != " " }
            #expect(makefile.contains("\n\(target):"), "`\(span)`: no such target")
            #expect(makefile.contains("@echo 'make \(target) "), "`\(span)` is not in what `make` says")
        }
        for span in code where span.hasPrefix("daft") || span.hasPrefix("-") {
            for option in Readme.options(in: span) where !["-c", "-lc", "-np"].contains(option) {
                #expect(known.contains(option), "`\(span)`: no \(option)")
            }
        }
        for (status, _) in exitStatuses where status != ">128" {
            #expect(Readme.section("Exit status").contains { $0.hasPrefix("| \(status) |") }, "exit status \(status)")
        }
    }

    @Test func linesAreNotTooLong() {
        for (index, line) in Readme.lines.enumerated() { #expect(line.count <= 160, "README.md:\(index + 1)") }
    }
}
