// `daft-run --trace FILE`: several processes, one file.

import Foundation
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(1))) struct TraceTests {
    @Test func aBroadcastIsTracedFromDiskToDiskOnEveryRank() throws {
        let scratch = try Scratch()
        try scratch.makeFile("set", bytes: 9_000_001)
        let ended = try Job(
            4, "daft-run",
            ["--store", scratch["s"], "--chunk-size", "1M", "--trace", scratch["trace"], "bcast", scratch["set"]]
        ).end()
        #expect(ended.status == 0, "\(ended)")
        let trace = try SeenTrace(scratch["trace"])
        #expect(trace.processes.count == 4)
        #expect(trace.processes[3].hasPrefix("rank 3 on ") && trace.processes[3].hasSuffix(", data server"))
        #expect(trace.faults(ofBroadcastFrom: 1, to: [2, 3], chunks: 9) == [])
    }

    @Test func aFileThatCannotBeWrittenEndsTheJobBeforeAnyWork() throws {
        let scratch = try Scratch()
        try scratch.makeFile("set", bytes: 5)
        let ended = try Job(
            2, "daft-run", ["--store", scratch["s"], "--trace", scratch["no/trace"], "bcast", scratch["set"]]
        ).end()
        #expect(ended.status == 2, "\(ended)")
        #expect(ended.errors.contains("no/trace: --trace: No such file or directory"), "\(ended)")
        #expect(!FileManager.default.fileExists(atPath: scratch["s/set"]))
    }
}
