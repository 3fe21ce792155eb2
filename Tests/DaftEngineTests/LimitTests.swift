// Rate limits hold for the source as a whole, wherever and by however many ranks it is read.

import DaftLink
import DaftModel
import Foundation
import Testing

@testable import DaftEngine

@Suite(.timeLimit(.minutes(2))) struct LimitTests {
    private let scratch: Scratch
    private let rate = ByteRate(2 << 20)

    init() throws { scratch = try Scratch() }

    private func cluster(_ hosts: [String], passingOverAfter milliseconds: Int = 10_000) async throws -> Cluster {
        var settings = scratch.settings(hosts)
        for index in settings.indices {
            settings[index].chunkSize = ChunkSize(128 << 10) ?? .standard
            settings[index].passOverMilliseconds = milliseconds
        }
        return try await Cluster.start(settings)
    }

    /// The report and the time in seconds.
    private func time(
        _ cluster: Cluster, at rank: Int = 0, _ body: @escaping @Sendable (Session) async -> Report
    ) async -> (report: Report, seconds: Double) {
        let begun = ContinuousClock.now
        let report = await cluster.run(at: rank) { [rate] in await body(Session(at: $0.station, limit: rate)) }
        return (report, (ContinuousClock.now - begun) / .seconds(1))
    }

    /// 3 MiB at 2 MiB/s.
    private func expectLimited(
        _ timed: (report: Report, seconds: Double), sourceLocation: SourceLocation = #_sourceLocation
    ) {
        let isWell = timed.report.failures.isEmpty && (1.3...4).contains(timed.seconds)
        #expect(isWell, "\(timed)", sourceLocation: sourceLocation)
    }

    @Test func aPutIsNoFasterHereAndElsewhere() async throws {
        try scratch.write("large", 2 << 20)
        for file in 0..<64 { try scratch.write("small/f\(file)", 16 << 10, seed: UInt64(file) + 2) }
        let cluster = try await cluster(["n0", "n1"])
        defer { cluster.close() }
        let sources = ["large", "small"].map { Array(scratch[$0].utf8) }
        expectLimited(await time(cluster, at: 1) { await $0.put(sources, at: "n0") })
        expectLimited(await time(cluster, at: 1) { await $0.put(sources, at: "n1") })
        #expect(try scratch.read("store-n1/large") == scratch.read("large"))
        #expect(try scratch.read("store-n0/small/f9") == scratch.read("small/f9"))
    }

    /// Three readers: on this node, and on others through this rank.
    @Test func allWhoReadShareOnePace() async throws {
        try scratch.write("large", 2 << 20)
        for file in 0..<64 { try scratch.write("small/f\(file)", 16 << 10, seed: UInt64(file) + 2) }
        let cluster = try await cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        let sources = ["large", "small"].map { Array(scratch[$0].utf8) }
        let spread = await time(cluster, at: 1) { await $0.diffuse(sources) }
        expectLimited(spread)
        #expect(spread.report.moved > 1 << 20)
    }

    @Test func aBroadcastLeavesItsSourceOnceAndNoFaster() async throws {
        try scratch.write("large", 3 << 20)
        for file in 0..<4 { try scratch.write("tiny/f\(file)", 8 << 10, seed: UInt64(file) + 2) }
        let cluster = try await cluster(["n0", "n1", "n2", "n3"])
        defer { cluster.close() }
        let large = Array(scratch["large"].utf8)
        expectLimited(await time(cluster, at: 1) { await $0.bcast([large]) })
        for host in ["n0", "n3"] { #expect(try scratch.read("store-\(host)/large") == scratch.read("large")) }
        let before = cluster.traffic.supplied(by: 1)
        let tiny = Array(scratch["tiny"].utf8)
        let report = await time(cluster, at: 1) { await $0.bcast([tiny]) }.report
        #expect(report.failures.isEmpty && cluster.traffic.supplied(by: 1) - before == 32 << 10, "\(report)")
    }

    /// One chunk takes longer than the chain's timeout without a limit.
    @Test func whoMayNotBeFasterIsNotPassedOver() async throws {
        try scratch.write("large", 256 << 10)
        let cluster = try await cluster(["n0", "n1", "n2"], passingOverAfter: 100)
        defer { cluster.close() }
        let (large, slow) = (Array(scratch["large"].utf8), ByteRate(64 << 10))
        let report = await cluster.run(at: 1) { await Session(at: $0.station, limit: slow).bcast([large]) }
        #expect(report.failures.isEmpty && cluster.traffic.supplied(by: 1) == 256 << 10, "\(report)")
    }

    @Test func whatComesFromStoresIsNoFaster() async throws {
        try scratch.write("large", 3 << 20)
        for file in 0..<96 { try scratch.write("small/f\(file)", 32 << 10, seed: UInt64(file) + 2) }
        let cluster = try await cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        let (large, small, out) = (try Name("/large"), try Name("/small"), Array(scratch["out"].utf8))
        #expect(await cluster.put(scratch["large"], at: "n0").failures.isEmpty)
        #expect(await cluster.diffuse(scratch["small"]).failures.isEmpty)
        expectLimited(await time(cluster) { await $0.get([small], to: out) })
        #expect(try scratch.read("out/f95") == scratch.read("small/f95"))
        expectLimited(await time(cluster) { await $0.fetch([large], at: "n1") })
        expectLimited(await time(cluster) { await $0.bcast([Array("/large".utf8)]) })
        #expect(try scratch.read("store-n2/large") == scratch.read("large"))
    }

    /// Holes and unchanged files are not read and do not count.
    @Test func whatIsNotReadDoesNotWait() async throws {
        let path = try scratch.write("sparse", 0)
        let file = try #require(FileHandle(forWritingAtPath: path))
        try file.truncate(atOffset: 256 << 20)
        try file.close()
        let cluster = try await cluster(["n0", "n1"])
        defer { cluster.close() }
        for host in ["n0", "n1"] {
            let put = await time(cluster, at: 1) { await $0.put([Array(path.utf8)], at: host) }
            #expect(put.report.failures.isEmpty && put.seconds < 20, "\(put)")
        }
    }

    @Test func whoIsStoppedWaitsNoLonger() async throws {
        try scratch.write("large", 3 << 20)
        let cluster = try await cluster(["n0", "n1"])
        defer { cluster.close() }
        #expect(await cluster.put(scratch["large"], at: "n0", as: try Name("/there")).failures.isEmpty)
        let slow = ByteRate(1024)
        let (source, out, name) = (Array(scratch["large"].utf8), Array(scratch["out"].utf8), try Name("/there"))
        for verb in ["put", "offer", "get", "fetch"] {
            let work = Task {
                await cluster.run(at: 1) { session in
                    let session = Session(at: session.station, limit: slow)
                    switch verb {
                    case "put": return await session.put([source], at: "n0")
                    case "offer": return await session.put([source], at: "n1")
                    case "get": return await session.get([name], to: out)
                    default: return await session.fetch([name], at: "n1")
                    }
                }
            }
            try await Task.sleep(for: .milliseconds(300))
            let begun = ContinuousClock.now
            work.cancel()
            let report = await work.value
            #expect(report.failures.contains { $0.kind == .stopped }, "\(verb): \(report)")
            #expect(ContinuousClock.now - begun < .seconds(2), "\(verb)")
        }
    }

    /// A limited command holds no resources that others need.
    @Test func othersAreNoSlower() async throws {
        try scratch.write("large", 3 << 20)
        try scratch.write("other", 3 << 20, seed: 9)
        let cluster = try await cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        let (slow, source) = (ByteRate(1024), Array(scratch["large"].utf8))
        let works = try (0..<4).map { number in
            let name = try Name("/s\(number)")
            return Task {
                await cluster.run(at: 1) { session in
                    await Session(at: session.station, limit: slow).bcast([source], as: name)
                }
            }
        }
        try await Task.sleep(for: .milliseconds(300))
        let begun = ContinuousClock.now
        #expect(await cluster.bcast(scratch["other"]).failures.isEmpty)
        #expect(ContinuousClock.now - begun < .seconds(3))
        for work in works { work.cancel() }
        for work in works { _ = await work.value }
    }
}
