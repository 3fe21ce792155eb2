// Parsing of `daft-run job`.

import DaftCommand
import Testing

@Suite struct JobRequestTests {
    private func request(_ words: String...) throws(CommandError) -> JobRequest {
        try JobRequest(words.map { Array($0.utf8) })
    }

    private func text(_ words: [[UInt8]]?) -> [String]? { words?.map { String(decoding: $0, as: UTF8.self) } }

    @Test func theCommandKeepsItsOwnOptionsAndEverySourceCounts() throws {
        let job = try request(
            "-i", "a set", "-s", "-i", "-more", "-o", "out", "-t", "4", "--", "./train", "-i", "--", "x")
        #expect(text(job.staging) == ["bcast", "--shared", "--", "a set", "-more"])
        #expect(text(job.command) == ["./train", "-i", "--", "x"])
        #expect(job.output == Array("out".utf8) && job.tasksPerNode == 4 && !job.serves)
        #expect(text(try request("-i", "set", "--diffuse", "--", "ls").staging) == ["diffuse", "--", "set"])
        #expect(try request("--serve", "--", "ls").staging == nil)
    }

    @Test(arguments: [
        (["-i", "set"], "which command?"), (["ls"], "the command stands behind `--`"), (["-x", "--", "ls"], "-x"),
        (["-s", "--diffuse", "-i", "set", "--", "ls"], "does not go with"), (["-s", "--", "ls"], "which files?"),
        (["-t", "0", "--", "ls"], "is no number from 1 upwards"),
    ])
    func whatMakesNoSenseIsRefused(words: [String], reason: String) {
        #expect {
            try JobRequest(words.map { Array($0.utf8) })
        } throws: { ("\($0)").contains(reason) }
    }
}
