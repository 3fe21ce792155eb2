// --bwlimit on the command line: durations, refusals, and interruption of slow commands.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(3))) struct LimitTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func timed(_ words: String...) throws -> (ended: Ended, seconds: Double) {
        let begun = ContinuousClock.now
        let ended = try scratch.start(words).wait()
        return (ended, (ContinuousClock.now - begun) / .seconds(1))
    }

    /// 20 MiB at 5 MiB/s.
    private func expectLimited(
        _ run: (ended: Ended, seconds: Double), sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(run.ended.status == 0 && (3.5...7).contains(run.seconds), "\(run)", sourceLocation: sourceLocation)
    }

    @Test func aPutAndAGetAreNoFaster() throws {
        try scratch.writeNoise("large", count: 20 << 20)
        expectLimited(try timed("put", "--bwlimit", "5M", "large"))
        expectLimited(try timed("get", "/large", "--to", "out", "--bwlimit=5m"))
        #expect(try scratch.bytes("out") == scratch.bytes("large"))
    }

    @Test func sourcesShareOneLimit() throws {
        try scratch.writeNoise("a", count: 10 << 20)
        for file in 0..<320 { try scratch.writeNoise("b/f\(file)", count: 32 << 10) }
        expectLimited(try timed("diffuse", "--bwlimit=5120", "a", "b"))
        expectLimited(try timed("bcast", "--bwlimit", "5MiB", "a", "b", "--checksum"))
    }

    @Test func withNoLimitOrNothingToReadItIsAsFastAsEver() throws {
        try scratch.writeNoise("large", count: 20 << 20)
        // Recently changed files are not remembered.
        usleep(2_200_000)
        let dry = try timed("put", "--dry-run", "--bwlimit", "1K", "large")
        #expect(dry.ended.status == 0 && dry.seconds < 3, "\(dry)")
        let free = try timed("put", "--bwlimit", "0", "large")
        #expect(free.ended.status == 0 && free.seconds < 3, "\(free)")
        let known = try timed("put", "--bwlimit", "1K", "large")
        #expect(known.ended.status == 0 && known.seconds < 3, "\(known)")
    }

    @Test(arguments: ["put", "bcast", "diffuse", "get", "fetch", "gather", "sbcast"])
    func aBadRateIsRefusedWithWhatIsTaken(verb: String) throws {
        let rest = ["gather": ["a", "--to", "b"], "sbcast": ["a", "b"]][verb] ?? ["a"]
        for rate in ["5x", "100b", "-1", "fast"] {
            let run = try scratch.start([verb, "--bwlimit=" + rate] + rest).wait()
            #expect(run.status == 2 && run.errors.contains("--bwlimit: `\(rate)` is no rate, as 500"), "\(run)")
        }
    }

    @Test func whoIsSlowIsStoppedAtOnceAndGoesOn() throws {
        try scratch.writeNoise("large", count: 20 << 20)
        let run = try scratch.start(["put", "--bwlimit", "100K", "large"])
        usleep(1_000_000)
        let begun = ContinuousClock.now
        run.signal(SIGINT)
        let ended = run.wait()
        #expect(ended.status == 130 && ended.errors.contains("stopped by SIGINT"), "\(ended)")
        #expect(ContinuousClock.now - begun < .seconds(3))
        #expect(try scratch.run("put", "large").status == 0)
    }
}
