// A data server dies during a command: the others finish, and the report names what it lacks.

import DaftModel
import Foundation
import Testing

@testable import DaftEngine

@Suite struct DeathTests {
    private let hosts = ["n0", "n1", "n2", "n3"]
    private static let moments = [1, 200_000, 900_000]

    private func source(_ scratch: Scratch) throws -> String {
        try scratch.write("src/large", 1_500_000, seed: 1)
        for file in 0..<30 { try scratch.write("src/sub/f\(file)", 3_000 + 500 * file, seed: UInt64(file + 2)) }
        return scratch["src"]
    }

    /// Kills n2 once this many bytes have crossed the links during a command; returns the command's report.
    private func command(
        _ cluster: Cluster, killingAfter bytes: Int, _ body: @escaping @Sendable () async -> Report
    ) async throws -> Report {
        cluster.traffic.hold(after: bytes)
        let task = Task { await body() }
        try await cluster.traffic.awaitHold()
        cluster.kill(3)
        cluster.traffic.release()
        return try #require(await within(seconds: 60) { await task.value })
    }

    @Test(arguments: moments) func bcast(_ moment: Int) async throws {
        let scratch = try Scratch()
        let source = try source(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        let report = try await command(cluster, killingAfter: moment) { await cluster.bcast(source) }
        #expect(!report.failures.isEmpty)
        #expect(report.failures.allSatisfy { $0.node == "n2" }, "\(report.failures)")
        #expect(report.failures.contains { shown($0.subject).hasSuffix("/src/large") }, "\(report.failures)")
        for host in ["n0", "n1", "n3"] {
            #expect(try differences(source, scratch["store-\(host)/src"], permissions: false) == "", "\(host)")
        }
        try await cluster.revive(3)
        try await cluster.await(servers: 4)
        #expect(await cluster.repair().failures.isEmpty)
        #expect(try scratch.read("store-n2/src/large") == scratch.read("src/large"))
    }

    @Test(arguments: moments) func bcastOfAName(_ moment: Int) async throws {
        let scratch = try Scratch()
        let source = try source(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        _ = await cluster.put(source, at: "n0")
        let report = try await command(cluster, killingAfter: moment) { await cluster.bcast("/src") }
        #expect(!report.failures.isEmpty)
        #expect(report.failures.allSatisfy { $0.node == "n2" }, "\(report.failures)")
        for host in ["n0", "n1", "n3"] {
            #expect(try differences(source, scratch["store-\(host)/src"], permissions: false) == "", "\(host)")
        }
    }

    @Test(arguments: moments) func putOfSeveralCopies(_ moment: Int) async throws {
        let scratch = try Scratch()
        let source = try source(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        let report = try await command(cluster, killingAfter: moment) {
            await cluster.run { await $0.put([Array(source.utf8)], at: "n1", copies: .atLeast(3)) }
        }
        #expect(!report.failures.isEmpty)
        #expect(report.failures.allSatisfy { $0.node == "n2" }, "\(report.failures)")
        for host in ["n1", "n3"] {
            #expect(try differences(source, scratch["store-\(host)/src"], permissions: false) == "", "\(host)")
        }
        try await cluster.await(servers: 3)
        #expect(await cluster.repair().failures.isEmpty)
        #expect(try await cluster.keepers(Name("/src/large")).sorted() == ["n0", "n1", "n3"])
    }

    @Test(arguments: moments) func diffuse(_ moment: Int) async throws {
        let scratch = try Scratch()
        let source = try source(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        let report = try await command(cluster, killingAfter: moment) { await cluster.diffuse(source) }
        #expect(!report.failures.isEmpty)
        let failed = report.failures.map { shown($0.subject) }
        #expect(report.failures.allSatisfy { $0.node == "n2" || $0.kind == .unreachable }, "\(report.failures)")
        try await cluster.await(servers: 3)
        // Files not listed are available, or only the dead server kept them and they are unreachable.
        let got = await cluster.get(try Name("/src"), to: scratch["out"])
        #expect(got.failures.allSatisfy { $0.kind == .unreachable }, "\(got.failures)")
        #expect(got.files > 0 && Int(got.files) + got.failures.count + failed.count >= 31, "\(got) \(failed)")
        let again = await cluster.diffuse(source)
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(await cluster.get(try Name("/src"), to: scratch["all"]).failures.isEmpty)
        #expect(try differences(source, scratch["all"]) == "")
    }

    @Test(arguments: ["get", "fetch"], moments) func copying(_ verb: String, _ moment: Int) async throws {
        let scratch = try Scratch()
        let source = try source(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        let spread = await cluster.run { await $0.diffuse([Array(source.utf8)], copies: .atLeast(2)) }
        #expect(spread.failures.isEmpty, "\(spread.failures)")
        let out = scratch["out"]
        let report = try await command(cluster, killingAfter: moment) {
            guard let name = try? Name("/src") else { return Report() }
            return verb == "get" ? await cluster.get(name, to: out) : await cluster.fetch([name], at: "n3")
        }
        #expect(report.failures.isEmpty, "\(report.failures)")
        let place = verb == "get" ? out : scratch["store-n3/src"]
        #expect(try differences(source, place, permissions: verb == "get") == "")
    }
}
