// Which lines of a job script are directives.
import DaftCommand
import Testing

@Suite struct ScriptLineTests {
    @Test(
        arguments: [
            ("#DAFT put a", .directive(Array("      put a".utf8))), ("#DAFT", .directive(Array("     ".utf8))),
            ("#DAFT\tls\r", .directive(Array("     \tls\r".utf8))), ("#!/bin/sh", .comment), ("", .comment),
            (" \t\r", .comment), ("#DAFTER all", .comment), ("##DAFT put a", .comment), ("# DAFT put a", .comment),
            ("#SBATCH -N 2", .comment), ("ls", .code), (" #DAFT ls", .code), ("DAFT ls", .code),
        ] as [(String, ScriptLine)])
    func isWhatItsBeginningSays(line: String, is expected: ScriptLine) {
        #expect(ScriptLine(Array(line.utf8)) == expected)
    }
}
