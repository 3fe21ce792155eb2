// The prompt on a terminal, which `script` provides.

import Foundation
import Testing
import TestPrograms

@Suite struct PromptTests {
    /// The output for typed lines.
    private func typed(_ lines: String, _ scratch: Scratch) throws -> String {
        try scratch.write("typed", lines.utf8)
        let running = try scratch.start(
            program: "/usr/bin/env",
            [
                "TERM=xterm", "HOME=\(scratch.path)", "script", "-qec", "\(builtProgram("daft-solo")) --store st",
                "/dev/null",
            ], input: "\(scratch.path)/typed")
        return running.wait().output
    }

    @Test func tabCompletesCommandsFilesAndNamesAndCdGoesThere() throws {
        let scratch = try Scratch()
        try scratch.write("set/sub/only", "of sub".utf8)
        try scratch.write("other", "x".utf8)
        #expect(try scratch.run("put", "set").status == 0)
        let output = try typed("cd se\tsu\t\npwd\nca\ton\t\nput oth\t\nls\ncd ..\npwd\ncd none\nquit\n", scratch)
        #expect(output.contains("daft:/set/sub> ") && output.contains("\n/set/sub\r\n"), "\(output)")
        #expect(output.contains("of sub"), "\(output)")
        #expect(output.contains("/set/sub/other: 1 file"), "\(output)")
        #expect(output.contains("\n/set\r\n") && output.contains("cd: /set/none: no such directory"), "\(output)")
        #expect(output.contains("the system ends with this program"), "\(output)")
    }
}
