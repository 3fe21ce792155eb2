// A thousand concurrent clients at the door: all are served, with bounded resources of the data server.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct BoundsClientsTests {
    private static let clients = Trials.areAll ? 1_000 : 200
    private static let memoryBytes = 128 << 20
    private static let threads = 80
    private static let seconds = 120.0

    @Test func allClientsAtTheDoorAtOnceAreServedAndLeaveNothingBehind() throws {
        let scratch = try BoundsScratch()
        let bytes = try noise(3_000)
        try bytes.write(to: URL(fileURLWithPath: scratch["common"]))
        let job = try scratch.job(["serve"])
        #expect(soon(seconds: 30) { FileManager.default.fileExists(atPath: scratch.store + "/.daft/door") })
        #expect(try daft(scratch, ["put", "common"]).wait(seconds: 60).status == 0)
        // A first run, to allocate what stays.
        let server = try #require(doorkeeper(scratch))
        try crowd(scratch, first: 0, 64, bytes, watching: server)
        usleep(500_000)
        let before = Footprint(of: server)
        let (seconds, peak) = try crowd(scratch, first: 64, BoundsClientsTests.clients, bytes, watching: server)
        #expect(seconds <= BoundsClientsTests.seconds)
        #expect(peak.peakBytes <= BoundsClientsTests.memoryBytes, "\(peak)")
        #expect(peak.threads <= BoundsClientsTests.threads, "\(peak)")
        #expect(peak.descriptors <= before.descriptors + BoundsClientsTests.clients + 100, "\(peak)")
        let isBack = soon {
            let now = Footprint(of: server)
            return now.threads <= before.threads && now.descriptors <= before.descriptors + 8
        }
        let after = Footprint(of: server)
        #expect(isBack, "before: \(before), after: \(after)")
        #expect(try daft(scratch, ["quit"]).wait(seconds: 30).status == 0)
        #expect(job.wait(seconds: 30).status == 0)
        Trials.report(
            "bounded",
            "\(BoundsClientsTests.clients) clients at once: \(fixed(seconds)) s; at most \(peak); "
                + "before \(before), after \(after)")
    }

    /// Runs this many clients at once, each with one small command; returns the time until the last was served.
    @discardableResult
    private func crowd(
        _ scratch: BoundsScratch, first: Int, _ count: Int, _ bytes: Data, watching server: pid_t
    ) throws -> (seconds: Double, peak: Footprint) {
        for number in first..<first + count {
            try Data("client \(number)\n".utf8).write(to: URL(fileURLWithPath: scratch["f\(number)"]))
        }
        let start = Date()
        var peak = Footprint()
        let clients = try (first..<first + count).map { number in
            defer { if number % 20 == 0 { peak.grow(to: Footprint(of: server)) } }
            return (number, try daft(scratch, command(number)))
        }
        while clients.contains(where: { !$0.1.hasEnded }) {
            peak.grow(to: Footprint(of: server))
            if Date().timeIntervalSince(start) > 2 * BoundsClientsTests.seconds { break }
            usleep(20_000)
        }
        let seconds = Date().timeIntervalSince(start)
        for (number, client) in clients {
            let ended = client.wait(seconds: 1)
            #expect(ended.status == 0, "\(command(number)): \(ended)")
            if number % 3 == 1 { #expect(ended.output.hasPrefix("/f\(number): 1 file"), "\(ended)") }
            if number % 3 == 2 { #expect(Data(ended.output.utf8).count >= bytes.count) }
        }
        return (seconds, peak)
    }

    private func command(_ number: Int) -> [String] {
        [["ls"], ["put", "f\(number)"], ["cat", "/common"]][number % 3]
    }

    private func daft(_ scratch: BoundsScratch, _ arguments: [String]) throws -> Running {
        try scratch.start(optimisedProgram("daft"), arguments)
    }

    /// The data server whose door serves this node's clients.
    private func doorkeeper(_ scratch: BoundsScratch) -> pid_t? {
        let lock = try? String(contentsOfFile: scratch.store + "/.daft/lock", encoding: .utf8)
        return lock?.split(separator: " ").first.flatMap { pid_t($0) }
    }
}
