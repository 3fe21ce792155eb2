// Multiple copies, their repair after data servers are gone, and data servers that leave.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Foundation
import Testing

@testable import DaftEngine

extension Cluster {
    func repair(at rank: Int = 0) async -> Report { await run(at: rank) { await $0.repair() } }
    func leave(_ host: String) async -> Report { await run { await $0.leave(host) } }

    /// Every file of `source` can be fetched correctly.
    func expectWhole(_ name: String, _ source: String, _ scratch: Scratch, permissions: Bool = true) async throws {
        let target = scratch["out-\(UInt64.random(in: 0 ... .max))"]
        let got = await get(try Name(name), to: target)
        #expect(got.failures.isEmpty, "\(got.failures)")
        #expect(try differences(source, target, permissions: permissions) == "")
    }
}

@Suite struct RepairTests {
    private let hosts = ["n0", "n1", "n2", "n3"]

    private func tree(_ scratch: Scratch) throws -> String {
        try scratch.write("src/large", 100_000, seed: 1)
        try scratch.write("src/same", 100_000, seed: 1)
        for file in 0..<20 { try scratch.write("src/sub/small\(file)", 100 * file, seed: UInt64(file)) }
        try Data(count: 3 * 4096).write(to: URL(fileURLWithPath: scratch["src/zeros"]))
        try scratch.makeDirectory("src/none")
        try FileManager.default.createSymbolicLink(atPath: scratch["src/link"], withDestinationPath: "large")
        return scratch["src"]
    }

    /// The number of live holders of each chunk.
    private func copies(_ cluster: Cluster) throws -> [Int] {
        let catalogue = cluster.stations[0].catalogue
        let here = BitSet(cluster.stations[0].members.filter(\.isAlive).map(\.number))
        var counts: [Int] = []
        for content in Set(try catalogue.below(.root, after: nil, limit: 1_000).compactMap(\.entry.content)) {
            guard let known = try catalogue.copied(content) else { continue }
            let complete = known.holders.complete.intersection(here).count
            if known.manifest.chunks.isEmpty { counts.append(complete) }
            for chunk in known.manifest.chunks.indices {
                let parts = known.holders.parts.count { here.contains($0.store) && $0.chunks.contains(chunk) }
                counts.append(complete + parts)
            }
        }
        return counts
    }

    @Test func putWithCopiesKeepsThemOnAsManyDataServers() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        let report = await cluster.run { await $0.put([Array(source.utf8)], at: "n2", copies: .atLeast(3)) }
        #expect(report.failures.isEmpty && report.warnings.isEmpty, "\(report)")
        #expect(try await cluster.keepers(Name("/src/large")).sorted() == ["n0", "n2", "n3"])
        #expect(try await cluster.listed(Name("/src/large")).copies == .atLeast(3))
        for host in ["n0", "n2", "n3"] {
            #expect(try differences(source, scratch["store-\(host)/src"], permissions: false) == "", "\(host)")
        }
        #expect(try copies(cluster).allSatisfy { $0 == 3 })
        let few = await cluster.run { await $0.put([Array(source.utf8)], as: try? Name("/b"), copies: .atLeast(9)) }
        #expect(few.failures.isEmpty && few.warnings.count == 1, "\(few)")
        #expect(few.warnings.first?.reason.contains("9 copies") == true)
    }

    @Test func diffuseWithCopiesSurvivesTheLossOfAnyStore() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        let report = await cluster.run { await $0.diffuse([Array(source.utf8)], copies: .atLeast(2)) }
        #expect(report.failures.isEmpty, "\(report.failures)")
        let found = try copies(cluster)
        #expect(found.allSatisfy { $0 == 2 }, "\(found)")
        for rank in 1...4 {
            cluster.kill(rank)
            try await cluster.await(servers: 3)
            try await cluster.expectWhole("/src", source, scratch)
            try await cluster.revive(rank)
            try await cluster.await(servers: 4)
        }
        let nothing = await cluster.repair()
        #expect(nothing.failures.isEmpty && nothing.files == 0 && nothing.moved == 0, "\(nothing)")
    }

    @Test func repairMakesLostCopiesAgainAndMovesNothingElse() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        _ = await cluster.run { await $0.put([Array(source.utf8)], at: "n1", copies: .atLeast(2)) }
        cluster.kill(2)
        try await cluster.await(servers: 3)
        let report = await cluster.repair(at: 1)
        #expect(report.failures.isEmpty, "\(report.failures)")
        let found = try copies(cluster)
        #expect(found.allSatisfy { $0 == 2 }, "\(found)")
        let distinct = 100_000 + (0..<20).reduce(0) { $0 + 100 * $1 }
        #expect(report.moved <= Int64(distinct), "\(report.moved) of \(distinct)")
        // A complete copy has its names, also on disk.
        #expect(await cluster.repair().files == 0)
        cluster.kill(3)
        try await cluster.await(servers: 2)
        #expect(await cluster.repair().failures.isEmpty)
        try await cluster.expectWhole("/src", source, scratch)
        let surplus = try copies(cluster)
        try await cluster.revive(2)
        try await cluster.revive(3)
        try await cluster.await(servers: 4)
        let more = try copies(cluster)
        #expect(zip(more, surplus).allSatisfy { $0 >= $1 })
    }

    @Test func whoJoinsIsBroughtWhatWasBroadcast() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        cluster.kill(3)
        try await cluster.await(servers: 2)
        _ = await cluster.bcast(source)
        try await cluster.revive(3)
        try await cluster.await(servers: 3)
        let report = await cluster.repair()
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(try scratch.read("store-n2/src/large") == scratch.read("src/large"))
        #expect(try scratch.read("store-n2/src/same") == scratch.read("src/same"))
        #expect(try scratch.read("store-n2/src/sub/small7") == scratch.read("src/sub/small7"))
        #expect(try await cluster.listed(Name("/src/zeros")).isEverywhere)
        #expect(try differences(source, scratch["store-n2/src"], permissions: false) == "")
    }

    @Test func aRepairGoesOnWhenADataServerDiesUnderIt() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        try scratch.write("src/huge", 800_000, seed: 40)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        _ = await cluster.run { await $0.put([Array(source.utf8)], at: "n1", copies: .atLeast(2)) }
        cluster.kill(2)
        try await cluster.await(servers: 3)
        cluster.traffic.hold(after: 100_000)
        let task = Task { await cluster.repair() }
        try await cluster.traffic.awaitHold()
        cluster.kill(4)
        cluster.traffic.release()
        let report = try #require(await within(seconds: 40) { await task.value })
        #expect(report.failures.isEmpty, "\(report.failures)")
        let found = try copies(cluster)
        #expect(found.allSatisfy { $0 == 2 }, "\(found)")
    }

    @Test func twoRepairsAtOnceMoveEverythingOnce() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let cluster = try await scratch.cluster(hosts)
        defer { cluster.close() }
        _ = await cluster.run { await $0.put([Array(source.utf8)], at: "n1", copies: .atLeast(2)) }
        cluster.kill(2)
        try await cluster.await(servers: 3)
        async let one = cluster.repair(at: 1)
        async let other = cluster.repair(at: 3)
        let reports = await [one, other]
        #expect(reports.flatMap(\.failures).isEmpty)
        #expect(reports.map(\.moved).min() == 0 && reports.map(\.moved).max() != 0, "\(reports.map(\.moved))")
        #expect(try copies(cluster).allSatisfy { $0 == 2 })
    }

    @Test func whatIsAwayAltogetherIsNamedAndTheRestIsRepaired() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("alone", 9_000), at: "n2")
        let path = Array(try scratch.write("twice", 9_000, seed: 2).utf8)
        _ = await cluster.run { await $0.put([path], at: "n1", copies: .atLeast(2)) }
        cluster.kill(3)
        try await cluster.await(servers: 2)
        let report = await cluster.repair()
        #expect(report.exitStatus == 6, "\(report.failures)")
        #expect(report.failures.map { shown($0.subject) } == ["/alone"])
        #expect(report.failures.first?.reason.contains("n2") == true)
        #expect(report.files == 1)
        #expect(try await cluster.keepers(Name("/twice")).sorted() == ["n0", "n1"])
    }

    @Test func aMetadataServerRepairsByItselfWhenAStoreIsAwayForLong() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n0", "n1", "n2"])
        settings[0].repairAfterMilliseconds = 300
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let source = try tree(scratch)
        _ = await cluster.run { await $0.put([Array(source.utf8)], at: "n1", copies: .atLeast(2)) }
        cluster.kill(2)
        let isMended = await within(seconds: 20) { [self] in
            while (try? copies(cluster).allSatisfy { $0 == 2 }) != true {
                try? await Task.sleep(for: .milliseconds(20))
            }
            return true
        }
        #expect(isMended == true)
        try await cluster.expectWhole("/src", source, scratch)
    }

    @Test func whoIsAwayForAMomentIsWaitedForAndWhoJoinsIsBroughtWhatItLacks() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n0", "n1", "n2"])
        settings[0].repairAfterMilliseconds = 60_000
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        cluster.kill(3)
        try await cluster.await(servers: 2)
        let path = Array(try scratch.write("twice", 50_000).utf8)
        _ = await cluster.run { await $0.put([path], at: "n1", copies: .atLeast(2)) }
        _ = await cluster.bcast(try scratch.write("all", 50_000, seed: 2))
        cluster.kill(2)
        try await cluster.await(servers: 1)
        try await cluster.revive(3)
        let isBrought = await within(seconds: 20) {
            while (try? scratch.read("store-n2/all")) == nil { try? await Task.sleep(for: .milliseconds(20)) }
            return true
        }
        #expect(isBrought == true)
        #expect(try await cluster.listed(Name("/twice")).complete == ["n0"])
        #expect(await cluster.repair().failures.isEmpty)
        #expect(try await cluster.keepers(Name("/twice")).sorted() == ["n0", "n2"])
    }

    @Test func aDataServerThatLeavesTakesNothingWithIt() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        _ = await cluster.diffuse(source)
        _ = await cluster.put(try scratch.write("only", 50_000, seed: 9), at: "n1")
        let leaver = cluster.stations[2]
        let report = await cluster.leave("n1")
        #expect(report.failures.isEmpty, "\(report.failures)")
        let hasEnded = await within(seconds: 5) {
            await leaver.ending.wait(); return true
        }
        #expect(hasEnded == true)
        cluster.kill(2)
        try await cluster.await(servers: 2)
        let nodes = await cluster.run { session in try? await session.status().nodes.map(\.store.host) }
        #expect(nodes == ["n0", "n2"])
        try await cluster.expectWhole("/src", source, scratch)
        #expect(await cluster.get(try Name("/only"), to: scratch["only-out"]).failures.isEmpty)
        #expect(try scratch.read("only-out") == scratch.read("only"))
        // It returns like any store, with its contents.
        try await cluster.revive(2)
        try await cluster.await(servers: 3)
        #expect(try await cluster.keepers(Name("/only")).contains("n1"))
    }

    @Test func whoCannotBeDoneWithoutDoesNotLeave() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("only", 50_000), at: "n0")
        let report = await cluster.leave("n0")
        #expect(report.failures.map { shown($0.subject) } == ["/only"], "\(report.failures)")
        #expect(await cluster.get(try Name("/only"), to: scratch["out"]).failures.isEmpty)
        #expect(await cluster.leave("n9").exitStatus == 6)
    }

    @Test func quitReachesDataServersThatServeByThemselves() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n0", "n1"])
        settings[0].endsDataServers = true
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        #expect(await cluster.run(at: 2) { await $0.quit() }.failures.isEmpty)
        for station in cluster.stations {
            let hasEnded = await within(seconds: 5) {
                await station.ending.wait(); return true
            }
            #expect(hasEnded == true, "\(station.rank)")
        }
    }

    @Test(arguments: [1, 2]) func withEveryCatalogueDestroyedARebuildingFindsEveryFile(copies: Int) async throws {
        let scratch = try Scratch()
        let source = try tree(scratch)
        let first = try await scratch.cluster(hosts)
        _ = await first.run { await $0.diffuse([Array(source.utf8)], copies: .atLeast(copies)) }
        _ = await first.put(source, as: try Name("/again"))
        first.close()
        for host in hosts.dropFirst() { try run("/bin/sh", "-c", "rm \(scratch["store-\(host)/.daft/catalogue"])*") }
        // One store remains from long ago and does not count.
        var settings = scratch.settings(hosts, mds: "other-mds")
        settings[0].rebuilds = true
        let second = try await Cluster.start(settings)
        #expect(second.warnings.isEmpty, "\(second.warnings)")
        try await second.expectWhole("/src", source, scratch, permissions: false)
        try await second.expectWhole("/again", source, scratch, permissions: false)
        let found = try self.copies(second)
        #expect(found.allSatisfy { $0 >= 1 })
        second.close()
        let third = try await scratch.cluster(hosts, mds: "other-mds")
        defer { third.close() }
        #expect(third.warnings.isEmpty, "\(third.warnings)")
        try await third.expectWhole("/src", source, scratch, permissions: false)
    }
}
