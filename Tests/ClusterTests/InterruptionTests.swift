// A job stopped by a signal ends soon and in order, and continues when run again.

import Foundation
import Testing
import TestPrograms

@Suite(.serialized) struct InterruptionTests {
    private func job(_ scratch: borrowing Scratch, _ arguments: [String]) throws -> Job {
        try Job(3, "daft-run", ["--store", scratch["s"]] + arguments)
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func aSignalToMpirunEndsInOrder(signal: Int32) throws {
        let scratch = try Scratch()
        // Three seconds of reading on any disk.
        try scratch.makeTree("set", largeBytes: 120 << 20)
        let job = try job(scratch, ["put", "--bwlimit", "40M", scratch["set"]])
        let partial = scratch["s/.daft/partial"]
        #expect(soon(seconds: 30) { (try? FileManager.default.contentsOfDirectory(atPath: partial))?.isEmpty == false })
        let start = Date()
        job.signal(signal)
        let ended = job.end()
        #expect(Date().timeIntervalSince(start) < 5, "\(ended)")
        #expect(ended.status != 0 && ended.errors.contains("stopped by SIGTERM"), "\(ended)")
        let again = try self.job(scratch, ["put", scratch["set"]]).end()
        #expect(again.status == 0, "\(again)")
        #expect(try scratch.changes(from: "set", to: "s/set", permissions: false) == "")
    }
}
