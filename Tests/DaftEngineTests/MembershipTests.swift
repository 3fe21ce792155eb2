// Data servers that leave and return, and a restarted metadata server.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire
import Foundation
import Testing

@testable import DaftEngine

@Suite struct MembershipTests {
    private func status(_ cluster: Cluster, at rank: Int = 0) async throws -> SystemStatus {
        let result = await cluster.run(at: rank) { session in
            await Result.of { () async throws(Failure) in try await session.status() }
        }
        return try result.get()
    }

    @Test func aDataServerThatDiesIsAwayAndWhatOnlyItKeepsIsUnreachable() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("only", 20_000), at: "n1")
        cluster.kill(2)
        try await cluster.await(servers: 1)
        let nodes = try await status(cluster).nodes
        let away = try #require(nodes.first { $0.store.host == "n1" })
        #expect(away.rank == nil && away.awayMilliseconds != nil)
        #expect(nodes.first { $0.store.host == "n0" }?.awayMilliseconds == nil)
        let listed = try await cluster.listed(Name("/only"))
        #expect(listed.away == ["n1"] && listed.complete.isEmpty)
        let got = await cluster.get(try Name("/only"), to: scratch["out"])
        #expect(got.exitStatus == 6, "\(got.failures)")
        #expect(got.failures.first?.reason.contains("n1") == true)
        try await cluster.revive(2)
        try await cluster.await(servers: 2)
        #expect(await cluster.get(try Name("/only"), to: scratch["out"]).failures.isEmpty)
        #expect(try scratch.read("out") == scratch.read("only"))
    }

    @Test func whoIsAwayDoesNotHearThatTheSystemEnds() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        cluster.kill(2)
        try await cluster.await(servers: 1)
        let report = await cluster.run { await $0.quit() }
        #expect(report.failures.isEmpty && report.warnings.map(\.node) == ["n1"], "\(report)")
    }

    @Test func aStoreComesBackUnderAnotherRankWhileItsOldOneIsGone() async throws {
        let scratch = try Scratch()
        let settings = scratch.settings(["n0", "n1", "n2"])
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("a", 5_000), at: "n1")
        cluster.kill(2)
        cluster.kill(3)
        try await cluster.await(servers: 1)
        try await cluster.revive(3, as: settings[2])  // n1's store at n2's rank
        try await cluster.await(servers: 2)
        #expect(try await cluster.keepers(Name("/a")) == ["n1"])
        let got = await cluster.get(try Name("/a"), to: scratch["out"])
        #expect(got.failures.isEmpty, "\(got.failures)")
        try await cluster.revive(2, as: settings[3])
        try await cluster.await(servers: 3)
        #expect(try await status(cluster).nodes.allSatisfy { $0.space != nil })
    }

    @Test func aMetadataServerStartedAnewGoesOnWhereItWasAndEverybodyJoinsAgain() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("a", 20_000), at: "n0")
        let state = cluster.state
        cluster.kill(0)
        let lost = await cluster.run(at: 1) { await $0.put([Array(scratch["a"].utf8)]) }
        #expect(lost.exitStatus == 6)
        #expect(lost.failures.first?.node == "the metadata server")
        let warnings = try await cluster.revive(0)
        #expect(warnings.isEmpty, "\(warnings)")
        try await cluster.await(servers: 2)
        #expect(cluster.state == state)
        #expect(await cluster.bcast("/a").failures.isEmpty)
        #expect(try await cluster.keepers(Name("/a")).sorted() == ["n0", "n1"])
        let put = await cluster.run(at: 2) { await $0.put([Array(scratch["a"].utf8)], as: try? Name("/b")) }
        #expect(put.failures.isEmpty, "\(put.failures)")
    }

    @Test func aMetadataServerThatLostItsCatalogueTakesTheNewestOfThoseWhoStayed() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("a", 20_000), at: "n0")
        _ = await cluster.put(try scratch.write("b", 20_000, seed: 2), at: "n1")
        let state = cluster.state
        cluster.kill(0)
        let warnings = try await cluster.revive(0, as: scratch.settings([], mds: "another")[0])
        #expect(warnings.isEmpty, "\(warnings)")
        #expect(cluster.state == state)
        #expect(await cluster.get(try Name("/b"), to: scratch["out"]).failures.isEmpty)
    }

    @Test func whoIsLateJoinsAfterTheAgreement() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n0", "n1", "n2"])
        let first = try await Cluster.start(settings)
        _ = await first.bcast(try scratch.write("a", 20_000))
        first.kill(3)
        _ = await first.put(try scratch.write("b", 20_000, seed: 2), at: "n1")
        first.close()
        for rank in settings.indices { settings[rank].agreementMilliseconds = 300 }
        let second = try await Cluster.start(Array(settings[..<3]))
        defer { second.close() }
        let late = try Station(settings[3], link: second.network.link(Rank(3), on: second.stations[1].loop))
        defer { late.close() }
        let start = late.loop.start { await Result.of { () async throws(Failure) in try await late.start() } }
        #expect(try await start.value.get().isEmpty)
        try await second.await(servers: 3)
        #expect(late.catalogue.head == second.stations[0].catalogue.head)
        #expect(try await second.keepers(Name("/a")).sorted() == ["n0", "n1", "n2"])
    }

    @Test(arguments: [0, 2]) func whoWasCutOffGoesOnWithItsMemoryWhenItIsHeardAgain(rank: Int) async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("a", 20_000), at: "n1")
        cluster.network.cut(Rank(rank))
        if rank == 2 {
            try await cluster.await(servers: 1)
            _ = await cluster.put(try scratch.write("b", 20_000, seed: 2), at: "n0")
        }
        let lost = await cluster.run(at: 2) { await $0.put([Array(scratch["a"].utf8)], as: try? Name("/c")) }
        #expect(lost.exitStatus == 6, "\(lost.failures)")
        cluster.network.mend(Rank(rank))
        try await cluster.await(servers: 2)
        #expect(await cluster.bcast("/a").failures.isEmpty)
        #expect(try await cluster.keepers(Name("/a")).sorted() == ["n0", "n1"])
        let put = await cluster.run(at: 2) { await $0.put([Array(scratch["a"].utf8)], as: try? Name("/c")) }
        #expect(put.failures.isEmpty, "\(put.failures)")
    }

    @Test func aRankThatIsAwayIsAskedToJoinAgainWhenItIsHeardAgain() async throws {
        var table = MembershipTable()
        let store = StoreInfo(id: .random(), host: "n1", path: [])
        let (one, all) = (Rank(1), Set([Rank(0), Rank(1)]))
        table.take(0, store, at: one, now: 10)
        #expect(table.members(alive: all, now: 20).map(\.isAlive) == [true])
        table.markGone(one, now: 30)
        // A rank heard again may be another process.
        #expect(table.isVacant(one))
        #expect(table.members(alive: all, now: 5_000_030).map(\.awayMilliseconds) == [5])
        #expect(table.members(alive: all, now: 40).map(\.isAlive) == [false])
        #expect(table.duplicate(of: store.id, besides: Rank(2), alive: all) == nil)
        let other = StoreInfo(id: .random(), host: "n1", path: [])
        table.take(1, other, at: one, now: 50)
        #expect(table.members(alive: all, now: 60).map(\.number) == [1, 0])
        #expect(table.duplicate(of: other.id, besides: Rank(2), alive: all) == one)
        table.take(0, store, at: Rank(0), now: 70)
        #expect(table.away(longerThan: 1, now: 80) == [])
    }
}
