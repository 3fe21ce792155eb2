// A store or catalogue removed while in use: the failure says so and blames no source; the data server withdraws and
// the others continue.

import DaftLink
import DaftModel
import Foundation
import Testing

@testable import DaftEngine

@Suite struct LossTests {
    private func status(_ cluster: Cluster) async throws -> SystemStatus {
        let result = await cluster.run { session in
            await Result.of { () async throws(Failure) in try await session.status() }
        }
        return try result.get()
    }

    private func away(_ cluster: Cluster) async throws -> [String] {
        try await status(cluster).nodes.filter { $0.rank == nil }.map(\.store.host)
    }

    /// The withdrawal may still be in transit when the loss is reported.
    private func expectAway(
        _ cluster: Cluster, _ hosts: [String], sourceLocation: SourceLocation = #_sourceLocation
    ) async throws {
        var seen = try await away(cluster)
        for _ in 0..<200 where seen != hosts {
            try await Task.sleep(for: .milliseconds(50))
            seen = try await away(cluster)
        }
        #expect(seen == hosts, sourceLocation: sourceLocation)
    }

    private func expectLoss(_ report: Report, of store: [UInt8]?, on host: String) {
        #expect(!report.failures.isEmpty)
        for failure in report.failures {
            #expect(failure.subject == store && failure.node == host, "\(failure)")
            #expect(failure.reason.contains("is gone: somebody removed or moved it while it was used"), "\(failure)")
        }
    }

    @Test(arguments: ["removed", "moved", "replaced", "its own directory"])
    func whoseStoreIsGoneSaysSoAndIsAway(how: String) async throws {
        let scratch = try Scratch()
        let settings = scratch.settings(["n0", "n1"])
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let files = FileManager.default
        let path = String(decoding: settings[2].store ?? [], as: UTF8.self)
        _ = await cluster.put(try scratch.write("before", 20_000), at: "n1")
        switch how {
        case "removed": try files.removeItem(atPath: path)
        case "its own directory": try files.removeItem(atPath: path + "/.daft")
        default: try files.moveItem(atPath: path, toPath: path + ".away")
        }
        if how == "replaced" { try files.createDirectory(atPath: path, withIntermediateDirectories: false) }
        expectLoss(
            await cluster.put(try scratch.write("after", 20_000, seed: 2), at: "n1"), of: settings[2].store, on: "n1")
        try await expectAway(cluster, ["n1"])
        // It stays away, and the others continue.
        let again = await cluster.put(scratch["after"], at: "n1")
        #expect(again.exitStatus == 6, "\(again.failures)")
        let other = await cluster.put(scratch["after"], at: "n0")
        #expect(other.failures.isEmpty, "\(other.failures)")
        #expect(await cluster.bcast(try scratch.write("all", 30_000, seed: 3)).failures.isEmpty)
        #expect(await cluster.get(try Name("/all"), to: scratch["out"]).failures.isEmpty)
        #expect(try scratch.read("out") == scratch.read("all"))
        #expect(try await away(cluster) == ["n1"])
    }

    @Test func aLookAtTheSystemFindsOutToo() async throws {
        let scratch = try Scratch()
        let settings = scratch.settings(["n0", "n1"])
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        #expect(try await away(cluster) == [])
        try FileManager.default.removeItem(atPath: String(decoding: settings[2].store ?? [], as: UTF8.self))
        try await expectAway(cluster, ["n1"])
    }

    @Test func aStoreThatGoesWhileFilesComeIsBlamedAndNotTheFiles() async throws {
        let scratch = try Scratch()
        let settings = scratch.settings(["n0"])
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        for number in 0..<1_500 { try scratch.write("set/f\(number)", 500, seed: UInt64(number)) }
        let store = String(decoding: settings[1].store ?? [], as: UTF8.self)
        let remover = Task.detached {
            while !FileManager.default.fileExists(atPath: store + "/set/f7") { usleep(500) }
            rename(store, store + ".away")
        }
        let report = await cluster.put(scratch["set"], at: "n0")
        await remover.value
        expectLoss(report, of: settings[1].store, on: "n0")
    }

    @Test func whereTheCatalogueIsGoneTheSystemEnds() async throws {
        let scratch = try Scratch()
        let settings = scratch.settings(["n0"])
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let path = try #require(settings[0].catalogue)
        #expect(await cluster.put(try scratch.write("a", 5_000), at: "n0").failures.isEmpty)
        try FileManager.default.removeItem(atPath: path)
        let report = await cluster.put(try scratch.write("b", 5_000, seed: 2), at: "n0")
        let failure = try #require(report.failures.first)
        #expect(failure.reason.contains("the catalogue is gone") && failure.subject == Array(path.utf8), "\(failure)")
        let hasEnded = await within(seconds: 10) {
            await cluster.stations[0].ending.wait()
            return true
        }
        #expect(hasEnded == true)
    }
}
