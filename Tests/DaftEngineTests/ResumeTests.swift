// A repeated interrupted command transfers only what was missing.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import Foundation
import Testing

@testable import DaftEngine

@Suite struct ResumeTests {
    private static let size = 3 << 20
    private static let slack = 64 * 4096  // chunks in flight at the stop

    private func slow(_ scratch: Scratch, _ hosts: [String], at first: String = "n0") async throws -> Cluster {
        try await Cluster.start(scratch.settings(hosts, at: first), delayMicroseconds: 1_000)
    }

    /// Runs `command`, which moves the bytes to so many receivers, and stops it after `bytes` have crossed the links;
    /// returns how many did in total.
    private func interrupt(
        _ cluster: Cluster, after bytes: Int, receivers: Int = 1, _ command: @escaping @Sendable () async -> Report
    ) async throws -> Int {
        let before = cluster.traffic.supplied
        cluster.traffic.hold(after: bytes)
        let task = Task { await command() }
        try await cluster.traffic.awaitHold()
        task.cancel()
        cluster.traffic.release()
        let report = try #require(await within(seconds: 20) { await task.value })
        #expect(report.failures.contains { $0.kind == .stopped }, "\(report.failures)")
        let moved = cluster.traffic.supplied - before
        #expect(moved < receivers * Self.size, "it was not stopped in time to show anything")
        return moved
    }

    @Test(arguments: ["put", "diffuse"]) func publishing(_ verb: String) async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", Self.size)
        for i in 0..<20 { try scratch.write("src/f\(i)", 2000, seed: UInt64(i + 1)) }
        let cluster = try await slow(scratch, ["n1", "n2"], at: "login")
        let source = scratch["src"]
        let command: @Sendable (Cluster) async -> Report = { cluster in
            verb == "put" ? await cluster.put(source, at: "n1") : await cluster.diffuse(source)
        }
        let moved = try await interrupt(cluster, after: 1 << 20) { await command(cluster) }
        let again = await command(cluster)
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(moved + Int(again.moved) <= Self.size + 40_000 + Self.slack)
        #expect(await cluster.get(try Name("/src"), to: scratch["out"]).failures.isEmpty)
        #expect(try differences(scratch["src"], scratch["out"]) == "")
        cluster.close()
    }

    @Test func puttingInAnotherRun() async throws {
        let scratch = try Scratch()
        try scratch.write("large", Self.size)
        let source = scratch["large"]
        let first = try await slow(scratch, ["n1"], at: "login")
        let moved = try await interrupt(first, after: 1 << 20) { await first.put(source) }
        first.close()
        let second = try await scratch.cluster(["n1"], at: "login")
        defer { second.close() }
        #expect(second.warnings.isEmpty)
        let again = await second.put(source)
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(moved + Int(again.moved) <= Self.size + Self.slack)
        #expect(try scratch.read("store-n1/large") == scratch.read("large"))
    }

    @Test func aBroadcastWhoseNodesWereKilled() async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", Self.size)
        for i in 0..<50 { try scratch.write("src/f\(i)", 2000, seed: UInt64(i + 1)) }
        let first = try await slow(scratch, ["n0", "n1", "n2"])
        _ = await first.put(scratch["src"])
        let before = first.traffic.supplied
        first.traffic.hold(after: 3 << 20)
        let task = Task { await first.bcast("/src") }
        try await first.traffic.awaitHold()
        for rank in 1...3 { first.network.kill(Rank(rank)) }
        first.traffic.release()
        let report = try #require(await within(seconds: 20) { await task.value })
        #expect(report.exitStatus == 6, "\(report.failures)")
        let moved = first.traffic.supplied - before
        first.close()
        let second = try await scratch.cluster(["n2", "n0", "n1"])
        defer { second.close() }
        #expect(second.warnings.isEmpty, "\(second.warnings)")
        let again = await second.bcast("/src")
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(moved + Int(again.moved) <= 2 * (Self.size + 100_000) + 2 * Self.slack + 600_000)
        for host in ["n0", "n1", "n2"] {
            #expect(try differences(scratch["src"], scratch["store-\(host)/src"], permissions: false) == "")
        }
        #expect(try await second.keepers(Name("/src/large")).sorted() == ["n0", "n1", "n2"])
    }

    @Test func aBroadcastOfALocalFileInTheSameRun() async throws {
        let scratch = try Scratch()
        try scratch.write("large", Self.size)
        let hosts = ["n0", "n1", "n2", "n3"]
        let cluster = try await slow(scratch, hosts)
        defer { cluster.close() }
        let source = scratch["large"]
        let moved = try await interrupt(cluster, after: 1 << 20, receivers: 3) { await cluster.bcast(source) }
        let again = await cluster.bcast(source)
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(moved + Int(again.moved) <= 3 * (Self.size + Self.slack))
        for host in hosts { #expect(try scratch.read("store-\(host)/large") == scratch.read("large")) }
    }

    /// Otherwise the next rank would apply the first chain's chunk states to the second.
    @Test func whatIsKnownOfAChainGoesWithTheLastThatIsUnderWay() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0"])
        defer { cluster.close() }
        let relay = cluster.stations[1].relay
        let piece = IngestJob.piece(zeroChunkID(length: 4096), 4096)
        relay.enter()
        relay.enter()
        relay.note([piece], .failed)
        relay.leave()
        #expect(relay.location(of: piece) != nil)
        relay.leave()
        #expect(relay.location(of: piece) == nil)
    }

    @Test func getting() async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", Self.size)
        for i in 0..<20 { try scratch.write("src/f\(i)", 2000, seed: UInt64(i + 1)) }
        let cluster = try await slow(scratch, ["n1"], at: "login")
        defer { cluster.close() }
        _ = await cluster.put(scratch["src"])
        let (name, out) = (try Name("/src"), scratch["out"])
        let moved = try await interrupt(cluster, after: 1 << 20) { await cluster.get(name, to: out) }
        let again = await cluster.get(name, to: out)
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(moved + Int(again.moved) <= Self.size + 80_000 + Self.slack)
        #expect(try differences(scratch["src"], out) == "")
    }

    @Test func catEndsSoonWhenItIsStopped() async throws {
        let scratch = try Scratch()
        try scratch.write("large", Self.size)
        let cluster = try await slow(scratch, ["n1"], at: "login")
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        let name = try Name("/large")
        _ = try await interrupt(cluster, after: 100_000) { await cluster.cat(name).report }
    }
}
