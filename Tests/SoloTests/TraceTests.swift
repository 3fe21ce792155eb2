// `daft-solo --trace FILE`: its contents, and refusals.

import Foundation
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(1))) struct TraceTests {
    @Test func aBroadcastIsTracedFromDiskToDisk() throws {
        let scratch = try Scratch()
        try scratch.writeNoise("set", count: 9_000_001)
        let ended = try scratch.run(
            "--hosts", "n0,n1,n2", "--chunk-size", "1M", "--trace", "trace.json", "bcast", "set")
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.errors == "")
        let trace = try SeenTrace("\(scratch.path)/trace.json")
        #expect(
            trace.processes == [
                "rank 0 on n0, metadata server", "rank 1 on n0, data server", "rank 2 on n1, data server",
            ])
        #expect(trace.faults(ofBroadcastFrom: 1, to: [2], chunks: 9) == [])
    }

    @Test func smallFilesThatTravelTogetherAreOneSlab() throws {
        let scratch = try Scratch()
        for index in 0..<20 { try scratch.writeNoise("set/\(index)", count: 5_000) }
        #expect(try scratch.run("--trace", "trace.json", "bcast", "set").status == 0)
        let spans = try SeenTrace("\(scratch.path)/trace.json").spans
        let received = spans.filter { $0.name == "received" }
        #expect(received.map(\.args.chunks) == [20])
        #expect(received.map(\.args.bytes) == [100_000])
        #expect(spans.filter { $0.name == "read" }.count == 20)
    }

    @Test func aFileThatCannotBeWrittenIsRefusedBeforeAnyWork() throws {
        let scratch = try Scratch()
        try scratch.write("set", [1, 2, 3])
        let ended = try scratch.run("--trace", "no/where/trace.json", "put", "set")
        #expect(ended.status == 2)
        #expect(ended.errors == "daft: no/where/trace.json: --trace: No such file or directory\n")
        #expect(!scratch.has("st/set"))
    }

    @Test func aFileThatTurnsOutToBeFullIsAFailure() throws {
        let scratch = try Scratch()
        try scratch.write("set", [1, 2, 3])
        let ended = try scratch.run("--trace", "/dev/full", "put", "set")
        #expect(ended.status == 1)
        #expect(
            ended.errors.hasSuffix("/dev/full: the trace could not be written: No space left on device\n"),
            "\(ended.errors)")
        #expect(scratch.has("st/set"))
    }

    @Test func anOlderTraceStaysUntilThereIsANewOne() throws {
        let scratch = try Scratch()
        try scratch.write("set", [1, 2, 3])
        try scratch.write("trace.json", Array(repeating: 32, count: 100_000))
        #expect(try scratch.run("--trace", "trace.json", "put", "set").status == 0)
        #expect(try scratch.bytes("trace.json").count < 100_000)
        #expect(
            try SeenTrace("\(scratch.path)/trace.json").spans.map(\.name).sorted() == ["hashed", "read", "written"])
        try scratch.write("older", [7])
        #expect(try scratch.run("--trace", "older", "--hosts", "n0,n0", "put", "set").status == 2)
        #expect(try scratch.bytes("older") == Data([7]))
    }
}
