// A job that is stopped or loses a rank ends soon, says what died, leaves sound stores, and goes on when run again.

import Foundation
import Testing

@Suite(.serialized) struct InterruptionTests {
    private static let verbs = ["put", "diffuse", "bcast", "fetch", "get"]

    private func job(_ scratch: borrowing Scratch, _ arguments: [String]) throws -> Job {
        try Job(3, "daft-run", ["--store", scratch["s"]] + arguments)
    }

    /// The command in question, after what has to be there before it.
    private func prepared(_ verb: String, _ scratch: borrowing Scratch) throws -> [String] {
        switch verb {
        case "put", "diffuse": return [verb, scratch["set"]]
        case "get":
            #expect(try job(scratch, ["put", scratch["set"]]).end().status == 0)
            return ["get", "/set", "--to", scratch["out"]]
        default:
            #expect(
                try job(scratch, ["put", scratch["set"] + "@\(ProcessInfo.processInfo.hostName)"]).end().status == 0)
            return verb == "bcast" ? ["bcast", "/set"] : ["fetch", "/set"]
        }
    }

    @Test(arguments: verbs)
    func aKilledRankEndsTheJobAndTheNextRunGoesOn(verb: String) throws {
        let scratch = try Scratch()
        try scratch.makeTree("set", largeBytes: 90 << 20)
        let command = try prepared(verb, scratch)
        for round in 0..<2 {
            let job = try job(scratch, command)
            usleep(UInt32.random(in: 400_000...1_000_000))
            guard let victim = job.ranks().dropFirst(round).first else {
                _ = job.end()
                continue
            }
            kill(victim, SIGKILL)
            let start = Date()
            let ended = job.end()
            #expect(Date().timeIntervalSince(start) < 10, "\(ended)")
            if ended.status != 0 { #expect(ended.errors.contains("signal 9"), "\(ended)") }
        }
        let again = try job(scratch, command).end()
        #expect(again.status == 0, "\(again)")
        #expect(try job(scratch, ["get", "/set", "--to", scratch["out"]]).end().status == 0)
        #expect(try scratch.changes(from: "set", to: "out", permissions: true) == "")
        let verified = try job(scratch, ["verify"]).end()
        #expect(verified.status == 0 && verified.output.contains(" 0 corrupt"), "\(verified)")
    }

    @Test(arguments: [SIGINT, SIGTERM])
    func aSignalToMpirunEndsInOrder(signal: Int32) throws {
        let scratch = try Scratch()
        try scratch.makeTree("set", largeBytes: 1200 << 20)
        let job = try job(scratch, ["put", scratch["set"]])
        usleep(900_000)
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
