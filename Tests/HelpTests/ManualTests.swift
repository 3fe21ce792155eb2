// The manual pages as checked by mandoc, and their required contents.

import DaftCommand
import DaftModel
import Foundation
import Glibc
import Testing
import TestPrograms

let programs = ["daft", "daft-run", "daft-solo"]

@Suite struct ManualTests {
    @Test(
        .enabled(if: access("/usr/bin/mandoc", X_OK) == 0, "there is no mandoc"),
        arguments: [("daft", ""), ("daft-run", ""), ("daft-solo", ""), ("daft", "jobfile"), ("daft-solo", "run")])
    func mandocFindsNothingWrong(program: String, page: String) throws {
        let scratch = try HelpScratch()
        let text = try scratch.run(builtProgram(program), page.isEmpty ? "--manual" : "--manual=\(page)")
        #expect(text.status == 0 && text.errors.isEmpty, "\(text)")
        try text.output.write(toFile: scratch.path + "/page", atomically: true, encoding: .utf8)
        let lint = try scratch.run("/usr/bin/mandoc", "-T", "lint", scratch.path + "/page")
        // Other pages need not be installed here.
        let faults = lint.output.split(separator: "\n").filter { !$0.contains("referenced manual not found") }
        #expect(faults.isEmpty, "\(faults)")
    }

    @Test(arguments: ProgramShape.all)
    func everyCommandOptionAndVariableIsInThePage(of program: ProgramShape) {
        let page = ManualPage(of: program).text(version: "1", date: "May 1, 2026").replacing("\\-", with: "-")
        for verb in Verb.allCases { #expect(page.contains("\n.It \(verb.rawValue)"), "\(verb)") }
        let options = program.table.options + program.subcommands.flatMap(\.options.options)
        for option in options {
            #expect(option.names.allSatisfy { page.contains($0) }, "\(option.name)")
            if let variable = option.variable { #expect(page.contains(".It \(variable)\n")) }
        }
    }

    @Test func whatIsNoPageIsRefusedWithThoseThatThereAre() throws {
        let ended = try HelpScratch().run(builtProgram("daft"), "--manual=cron")
        #expect(ended.status == 2 && ended.errors.contains("there are daft, run, solo and jobfile"), "\(ended)")
    }
}

@Suite struct StartHelpTests {
    @Test(arguments: ["start", "join"]) func itNamesWhatItTakesAndNoCommandsOfRunningSystems(word: String) throws {
        let help = try HelpScratch().run(builtProgram("daft"), word, "--help")
        #expect(help.status == 0 && help.output.contains("\n    daft start HOSTFILE [OPTIONS] "), "\(help)")
        #expect(help.output.contains("\nOptions:\n") && help.output.contains("    --mds HOST "))
        #expect(!help.output.contains("Commands:") && !help.output.contains("bcast"), "\(help)")
        let all = try HelpScratch().run(builtProgram("daft"), "--help")
        #expect(all.output.contains("\nCommands:\n") && all.output.contains("\n    bcast "), "\(all)")
    }
}

/// A temporary directory.
final class HelpScratch {
    let path = "/tmp/daft-help-\(UInt64.random(in: 0 ... .max))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    func run(_ program: String, _ words: String...) throws -> Ended {
        defer { for file in ["/out", "/err"] { unlink(path + file) } }
        return try Running(
            program, words, in: path, variables: ["HOME=\(path)", "TERM=dumb"], input: "/dev/null",
            output: path + "/out", errors: path + "/err"
        ).wait(seconds: 60)
    }
}
