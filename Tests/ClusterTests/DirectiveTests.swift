// Directives in a user's job script.

import Foundation
import Testing

@Suite(.serialized) struct DirectiveTests {
    private func run(_ scratch: borrowing Scratch, _ script: String) throws -> JobEnd {
        try Data(script.utf8).write(to: URL(fileURLWithPath: scratch["job.sh"]))
        return try Job(3, "daft-run", ["--store", scratch["s"], "--directives", scratch["job.sh"]]).end()
    }

    @Test func runAsAJobFileDoesUpToTheFirstLineOfCode() throws {
        let scratch = try Scratch()
        try scratch.makeFile("a", bytes: 1_000)
        let ended = try run(
            scratch,
            """
            #!/bin/bash
            #SBATCH --nodes=2

            #DAFT bcast \(scratch["a"])
            # between
            #DAFT stat /a   # and so on
            echo not this
            #DAFT put \(scratch["none"])
            """)
        #expect(ended.status == 0, "\(ended)")
        #expect(FileManager.default.contentsEqual(atPath: scratch["a"], andPath: scratch["s.1/a"]))
        #expect(!ended.errors.contains("none"), "\(ended)")
    }

    @Test func anErrorHasTheScriptsNameAndLine() throws {
        let scratch = try Scratch()
        let wrong = try run(scratch, "#!/bin/sh\n#DAFT bcats /a\n#DAFT get /none\n")
        #expect(wrong.status == 2, "\(wrong)")
        #expect(wrong.errors.contains("job.sh:2: column 7: unknown command `bcats`"), "\(wrong)")
        #expect(!wrong.errors.contains("/none"), "\(wrong)")
        let failing = try run(scratch, "#!/bin/sh\n#DAFT ls\n#DAFT get /none\n")
        #expect(failing.status == 3, "\(failing)")
        #expect(failing.errors.contains("job.sh:3: get: /none: no such name"), "\(failing)")
        let none = try run(scratch, "#!/bin/sh\necho\n#DAFT ls\n")
        #expect(none.status == 2 && none.errors.contains("no #DAFT line"), "\(none)")
    }
}
