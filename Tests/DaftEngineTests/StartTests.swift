// System starts: the newest catalogue wins, and nothing stored is forgotten.

import DaftModel
import Foundation
import Testing

@testable import DaftEngine

@Suite struct StartTests {
    private func tree(_ scratch: Scratch, _ name: String, seed: UInt64) throws -> String {
        try scratch.write("\(name)/sub/file", 10_000, seed: seed)
        try scratch.write("\(name)/sub/same", 10_000, seed: seed)
        try scratch.write("\(name)/small", 10, seed: seed)
        try scratch.makeDirectory("\(name)/empty")
        try FileManager.default.createSymbolicLink(
            atPath: scratch["\(name)/link"], withDestinationPath: "nowhere\(seed)")
        try run("/bin/chmod", "2750", scratch["\(name)/empty"])
        try run(
            "/usr/bin/touch", "-h", "-d", "2001-02-03 04:05:06.789", scratch["\(name)/empty"], scratch["\(name)/link"])
        return scratch[name]
    }

    @Test func aRestartWhereNothingChangedTransfersNothingAndKeepsTheState() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch, "src", seed: 1)
        let first = try await scratch.cluster(["n0", "n1", "n2"])
        _ = await first.bcast(source)
        let state = first.state
        first.close()
        let second = try await scratch.cluster(["n2", "n0", "n1"])
        #expect(second.warnings.isEmpty, "\(second.warnings)")
        #expect(second.state == state)
        // Requests and replies for hello, welcome, one delta per server that lacked the last holdings, and joined.
        #expect(second.traffic.messages <= 3 * 2 * 4)
        #expect(try await second.keepers(Name("/src/small")).sorted() == ["n0", "n1", "n2"])
        second.close()
        let third = try await scratch.cluster(["n1"])
        #expect(third.warnings.isEmpty, "\(third.warnings)")
        #expect(third.state == state)
        third.close()
    }

    @Test func aMetadataServerOnAnotherNodeTakesTheNewestCatalogueOver() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch, "src", seed: 1)
        let more = try tree(scratch, "more", seed: 2)
        let first = try await scratch.cluster(["n0", "n1"])
        _ = await first.bcast(source)
        first.close()
        let second = try await scratch.cluster(["n0"])  // without n1
        _ = await second.put(more)
        let state = second.state
        // A replica is as new as its last catch-up.
        _ = await second.fetch([try Name("/more")], at: "n0")
        second.close()
        let third = try await scratch.cluster(["n1", "n0"], at: "n1", mds: "other-mds")
        defer { third.close() }
        #expect(third.warnings.isEmpty, "\(third.warnings)")
        #expect(third.state >= state)
        #expect(try third.entry(Name("/more/sub/file")) != nil)
        #expect(try third.entry(Name("/more/link"))?.kind == .symlink(Array("nowhere2".utf8)))
        #expect(await third.get(try Name("/more"), to: scratch["out"]).failures.isEmpty)
        #expect(try differences(more, scratch["out"]) == "")
    }

    @Test func whatTheLastRunPublishedIsKnownThoughOnlyTheLostCatalogueSaidSo() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch, "src", seed: 1)
        let first = try await scratch.cluster(["n0"])
        _ = await first.put(source)
        first.close()
        // Rank 0's node and its catalogue are gone.
        let second = try await scratch.cluster(["n0"], mds: "other-mds")
        defer { second.close() }
        #expect(second.warnings.isEmpty, "\(second.warnings)")
        let got = await second.get(try Name("/src"), to: scratch["out"])
        #expect(got.failures.isEmpty, "\(got.failures)")
        #expect(try differences(source, scratch["out"], permissions: false) == "")
    }

    @Test func withEveryCatalogueLostTheStoresPublishWhatTheyKeep() async throws {
        let scratch = try Scratch()
        let source = try tree(scratch, "src", seed: 1)
        let first = try await scratch.cluster(["n0", "n1"])
        _ = await first.bcast(source)
        first.close()
        for host in ["n0", "n1"] { try run("/bin/sh", "-c", "rm \(scratch["store-\(host)/.daft/catalogue"])*") }
        let second = try await scratch.cluster(["n0", "n1"], mds: "other-mds")
        defer { second.close() }
        #expect(second.warnings.isEmpty, "\(second.warnings)")
        #expect(try await second.keepers(Name("/src/sub/same")).sorted() == ["n0", "n1"])
        let got = await second.get(try Name("/src"), to: scratch["out"])
        #expect(got.failures.isEmpty, "\(got.failures)")
        #expect(try differences(source, scratch["out"], permissions: false) == "")
    }

    @Test func forkedHistoriesComeTogetherAndClashesAreKeptAside() async throws {
        let scratch = try Scratch()
        let a = try tree(scratch, "a", seed: 1)
        let b = try tree(scratch, "b", seed: 2)
        try scratch.write("x/clash", 5000, seed: 3)
        try scratch.write("y/clash", 5000, seed: 4)
        let common = try await scratch.cluster(["n0", "n1"])
        _ = await common.put(try scratch.write("common", 100), at: "n0")
        _ = await common.bcast("/common")
        common.close()
        try run("/bin/sh", "-c", "cp \(scratch["mds"]) \(scratch["mds2"])")
        let left = try await scratch.cluster(["n0"])
        _ = await left.put(a)
        _ = await left.put(scratch["x/clash"], as: try Name("/clash"))
        left.close()
        let right = try await scratch.cluster(["n1"], at: "n1", mds: "mds2")
        _ = await right.put(b)
        _ = await right.put(scratch["y/clash"], as: try Name("/clash"))
        for i in 0..<5 { _ = await right.put(try scratch.write("extra\(i)", 10, seed: UInt64(i + 9))) }
        right.close()
        let both = try await scratch.cluster(["n0", "n1"], mds: "mds2")
        defer { both.close() }
        #expect(both.warnings.contains { $0.kind == .taken && $0.node == "n0" }, "\(both.warnings)")
        #expect(await both.get(try Name("/a"), to: scratch["out-a"]).failures.isEmpty)
        #expect(try differences(a, scratch["out-a"], permissions: false) == "")
        #expect(await both.get(try Name("/b"), to: scratch["out-b"]).failures.isEmpty)
        #expect(try differences(b, scratch["out-b"]) == "")
        let clash = try scratch.read("y/clash")
        #expect(await both.cat(try Name("/clash")).bytes == clash)
        #expect(!scratch.exists("store-n0/clash"))
        let aside = try FileManager.default.contentsOfDirectory(atPath: scratch["store-n0/.daft/aside"])
        #expect(try aside.map { try scratch.read("store-n0/.daft/aside/" + $0) } == [scratch.read("x/clash")])
    }

    @Test func unrelatedSystemsAreRefusedAndNothingChanges() async throws {
        let scratch = try Scratch()
        let one = try await scratch.cluster(["n0"], mds: "mds-a")
        _ = await one.put(try scratch.write("a", 100))
        one.close()
        let other = try await scratch.cluster(["n1"], mds: "mds-b")
        _ = await other.put(try scratch.write("b", 100, seed: 2))
        other.close()
        let before = try run(
            "/bin/sh", "-c", "cd \(scratch.path) && find store-* -type f ! -path '*/.daft/*' | xargs sha256sum")
        for mds in ["mds-a", "mds-b", "mds-new"] {
            let failure = await #expect(throws: Failure.self) { try await scratch.cluster(["n0", "n1"], mds: mds) }
            #expect(failure?.kind == .unrelated, "\(String(describing: failure))")
            #expect(failure?.reason.contains("--store") == true)
        }
        let after = try run(
            "/bin/sh", "-c", "cd \(scratch.path) && find store-* -type f ! -path '*/.daft/*' | xargs sha256sum")
        #expect(before == after)
        let again = try await scratch.cluster(["n1"], mds: "mds-b")
        defer { again.close() }
        #expect(try again.entry(Name("/b")) != nil)
    }

    @Test func aFreshNodeJoinsAndAStoreInUseIsRefused() async throws {
        let scratch = try Scratch()
        let first = try await scratch.cluster(["n0"])
        _ = await first.put(try scratch.write("a", 100))
        first.close()
        let second = try await scratch.cluster(["n0", "n1"])
        defer { second.close() }
        #expect(second.warnings.isEmpty)
        #expect(await second.bcast("/a").failures.isEmpty)
        #expect(try await second.keepers(Name("/a")).sorted() == ["n0", "n1"])
        let failure = await #expect(throws: Failure.self) { try await scratch.cluster(["n1"], mds: "mds-x") }
        #expect(failure?.kind == .locked)
        #expect(failure?.node == "n1")
    }

    @Test func filesEditedRemovedOrReplacedBetweenRunsAreNoticed() async throws {
        let scratch = try Scratch()
        for name in ["edited", "removed", "replaced", "short", "good"] {
            try scratch.write("src/\(name)", 9000, seed: UInt64(name.count))
        }
        let first = try await scratch.cluster(["n0", "n1"])
        _ = await first.bcast(scratch["src"])
        first.close()
        try scratch.damage("store-n1/src/edited", at: 5000, keepingTime: false)
        try run("/bin/rm", "-f", scratch["store-n1/src/removed"])
        try run("/bin/rm", "-f", scratch["store-n1/src/replaced"])
        try scratch.write("store-n1/src/replaced", 9000, seed: 77)
        try run("/usr/bin/truncate", "-s", "100", scratch["store-n1/src/short"])
        let second = try await scratch.cluster(["n0", "n1"])
        defer { second.close() }
        for name in ["edited", "removed", "replaced", "short"] {
            #expect(try await second.keepers(Name("/src/\(name)")) == ["n0"], "\(name)")
        }
        #expect(try await second.keepers(Name("/src/good")).sorted() == ["n0", "n1"])
    }
}
