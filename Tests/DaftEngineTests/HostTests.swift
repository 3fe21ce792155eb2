// Named nodes: who ingests from where, and the effect of a dead node.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import Foundation
import Testing

@testable import DaftEngine

@Suite struct HostTests {
    @Test func filesOfANodeWithoutADataServerMoveOverTheLink() async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", 200_000)
        for i in 0..<20 { try scratch.write("src/small\(i)", 100 * i, seed: UInt64(i + 1)) }
        let cluster = try await scratch.cluster(["n1", "n2"], at: "login")
        defer { cluster.close() }
        let put = await cluster.put(scratch["src"])
        #expect(put.failures.isEmpty, "\(put.failures)")
        #expect(put.moved == 219_000)
        #expect(cluster.traffic.supplied(by: 0) == 219_000)
        let keepers = try await cluster.keepers(Name("/src/large"))
        #expect(keepers.count == 1)
        #expect(try differences(scratch["src"], scratch["store-\(keepers[0])/src"], permissions: false) == "")
        #expect(await cluster.get(try Name("/src"), to: scratch["out"]).failures.isEmpty)
        #expect(try differences(scratch["src"], scratch["out"]) == "")
    }

    @Test func aNamedHostGetsTheFilesAndAnUnknownOneIsNamed() async throws {
        let scratch = try Scratch()
        try scratch.write("src/f", 30_000)
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        #expect(await cluster.put(scratch["src"], at: "n2").failures.isEmpty)
        #expect(try await cluster.keepers(Name("/src/f")) == ["n2"])
        #expect(await cluster.fetch([try Name("/src")], at: "n1").failures.isEmpty)
        #expect(try await cluster.keepers(Name("/src/f")) == ["n1", "n2"])
        for report in [await cluster.put(scratch["src"], at: "n9"), await cluster.fetch([try Name("/src")], at: "n9")] {
            #expect(report.exitStatus == 6)
            #expect(report.failures.first?.node == "n9")
            #expect(report.failures.first?.reason.contains("n0, n1, n2") == true)
        }
        #expect(await cluster.fetch([try Name("/none")], at: "n1").exitStatus == 3)
        #expect(await cluster.get(try Name("/none"), to: scratch["out"]).exitStatus == 3)
        #expect(await cluster.bcast("/none").exitStatus == 3)
        #expect(await cluster.cat(try Name("/none")).report.exitStatus == 3)
    }

    @Test func whatIsSpreadComesFromAllHolders() async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", 400_000)
        for i in 0..<30 { try scratch.write("src/small\(i)", 3000, seed: UInt64(i + 1)) }
        let cluster = try await scratch.cluster(["n1", "n2", "n3"], at: "login")
        defer { cluster.close() }
        let spread = await cluster.diffuse(scratch["src"])
        #expect(spread.failures.isEmpty, "\(spread.failures)")
        #expect(await cluster.get(try Name("/src"), to: scratch["out"]).failures.isEmpty)
        #expect(try differences(scratch["src"], scratch["out"]) == "")
        for rank in 1...3 { #expect((140_000...190_000).contains(cluster.traffic.supplied(by: rank))) }
        #expect(await cluster.bcast("/src").failures.isEmpty)
        for host in ["n1", "n2", "n3"] {
            #expect(try differences(scratch["src"], scratch["store-\(host)/src"], permissions: false) == "")
        }
    }

    @Test func aDeadDataServerIsNamedAndTheOthersFinish() async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", 4 << 20)
        let cluster = try await Cluster.start(
            scratch.settings(["n0", "n1", "n2", "n3"]), delayMicroseconds: 1_000)
        defer { cluster.close() }
        _ = await cluster.put(scratch["src"])
        _ = await cluster.put(try scratch.write("only", 9000, seed: 3), at: "n2")
        cluster.traffic.hold(after: 1 << 20)
        let task = Task { await cluster.bcast("/src") }
        try await cluster.traffic.awaitHold()
        cluster.network.kill(Rank(3))
        cluster.traffic.release()
        let finished = await within(seconds: 20) { await task.value }
        let report = try #require(finished, "the broadcast hangs")
        #expect(report.exitStatus == 6, "\(report.failures)")
        #expect(report.failures.contains { $0.node == "n2" }, "\(report.failures)")
        for host in ["n1", "n3"] {
            #expect(try differences(scratch["src"], scratch["store-\(host)/src"], permissions: false) == "")
        }
        #expect(try await cluster.keepers(Name("/src/large")) == ["n0", "n1", "n3"])
        // What only the dead server keeps is neither lost nor reported as lost.
        for failure in [
            await cluster.get(try Name("/only"), to: scratch["out"]).failures.first,
            await cluster.cat(try Name("/only")).report.failures.first,
            await cluster.fetch([try Name("/only")], at: "n1").failures.first,
        ] {
            #expect(failure?.kind == .unreachable, "\(String(describing: failure))")
            #expect(failure?.reason.contains("n2") == true)
        }
    }

    @Test func aSourceThatDiesInTheMiddleIsReplacedByAnother() async throws {
        let scratch = try Scratch()
        try scratch.write("large", 4 << 20)
        let cluster = try await Cluster.start(scratch.settings(["n0", "n1", "n2"]), delayMicroseconds: 1_000)
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        _ = await cluster.fetch([try Name("/large")], at: "n1")
        cluster.traffic.hold(after: 1 << 20)
        let name = try Name("/large")
        let task = Task { await cluster.fetch([name], at: "n2") }
        try await cluster.traffic.awaitHold()
        cluster.network.kill(Rank(2))
        cluster.traffic.release()
        let finished = await within(seconds: 20) { await task.value }
        #expect(try #require(finished).failures.isEmpty)
        #expect(try scratch.read("store-n2/large") == scratch.read("large"))
    }
}
