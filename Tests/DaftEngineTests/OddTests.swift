// Unusual input works or is refused by name; an independent tool verifies the results.

import DaftCatalogue
import DaftLink
import DaftModel
import Foundation
import Glibc
import Testing

@testable import DaftEngine

@Suite struct OddTests {
    @Test(arguments: ["here", "elsewhere", "spread", "everywhere"], [true, false]) func everythingArrivesAsItWas(
        _ way: String, needsRoomEverywhere: Bool
    ) async throws {
        let scratch = try Scratch()
        let files = try scratch.makeOddTree("src", chunk: 4096)
        var settings = scratch.settings(["n0", "n1"])
        for i in settings.indices { settings[i].needsRoomEverywhere = needsRoomEverywhere }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let source = scratch["src"]
        let report =
            switch way {
            case "here": await cluster.put(source)
            case "elsewhere": await cluster.put(source, at: "n1")
            case "spread": await cluster.diffuse(source)
            default: await cluster.bcast(source)
            }
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(report.warnings.allSatisfy { $0.reason.contains("symlinks lead out of it") }, "\(report.warnings)")
        #expect(report.files == files)
        let stores = ["here": ["n0"], "elsewhere": ["n1"], "spread": [], "everywhere": ["n0", "n1"]][way] ?? []
        for host in stores {
            #expect(try differences(source, scratch["store-\(host)/src"], permissions: false) == "", "\(host)")
        }
        #expect(await cluster.get(try Name("/src"), to: scratch["out"]).failures.isEmpty)
        #expect(try differences(source, scratch["out"]) == "")
        #expect(await cluster.fetch([try Name("/src")], at: "n1").failures.isEmpty)
        #expect(try differences(source, scratch["store-n1/src"], permissions: false) == "")
        for i in 0..<3 {
            let blocks = try scratch.blocks("src/sparse\(i)")
            for copy in ["out/sparse\(i)", "store-n1/src/sparse\(i)"] {
                #expect(try scratch.blocks(copy) <= blocks + 16)
            }
        }
        for name in ["size0", "size5", "sparse1", "*"] {
            let bytes = try scratch.read("src/\(name)")
            #expect(await cluster.cat(try Name("/src/\(name)")).bytes == bytes, "\(name)")
        }
        #expect(await cluster.verify().report.failures.isEmpty)
    }

    /// Slab memory must not be used after release.
    @Test func chunksLargerThanTheReadersSlabsAreReadWhole() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n1", "n2"], at: "login", mds: "mds")
        for rank in settings.indices { settings[rank].chunkSize = try #require(ChunkSize(16 << 20)) }
        let path = try scratch.write("large", (20 << 20) + 3)
        let bytes = try scratch.read("large")
        let writers = try await Cluster.start(settings)
        #expect(await writers.put(path, at: "n1").failures == [])
        writers.close()
        for rank in settings.indices { settings[rank].chunkSize = try #require(ChunkSize(1 << 20)) }
        let readers = try await Cluster.start(settings)
        defer { readers.close() }
        for _ in 0..<3 { #expect(await readers.cat(try Name("/large")).bytes == bytes) }
        #expect(await readers.get(try Name("/large"), to: scratch["out"]).failures == [])
        #expect(try scratch.read("out") == bytes)
        #expect(await readers.bcast("/large").failures == [])
        #expect(try scratch.read("store-n2/large") == bytes)
        #expect(await readers.verify().report.failures == [])
    }

    @Test func aNodeOffersChunksThatAreLargerThanItsOwn() async throws {
        let scratch = try Scratch()
        var settings = scratch.settings(["n1", "n2"], at: "login", mds: "mds")
        for rank in settings.indices { settings[rank].chunkSize = try #require(ChunkSize(1 << 20)) }
        settings[0].chunkSize = try #require(ChunkSize(16 << 20))
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        try scratch.write("store-n1/out/large", (20 << 20) + 3)
        let target = Array(scratch["back"].utf8)
        let report = await cluster.run { await $0.gather([Array("out".utf8)], to: target) }
        #expect(report.failures.isEmpty && report.files == 1, "\(report)")
        #expect(try scratch.read("back/n1/out/large") == scratch.read("store-n1/out/large"))
    }

    @Test(arguments: [true, false]) func aBusyNodeThatIsSlowToOfferItsTreeIsWaitedFor(isThere: Bool) async throws {
        let scratch = try Scratch()
        let cluster = try await Cluster.start(scratch.settings(["n1"], at: "login", mds: "mds"))
        defer { cluster.close() }
        if isThere { try scratch.write("store-n1/out/file", 5_000) }
        // Its workers are busy for longer than the order timeout.
        let station = cluster.stations[1]
        let over = Event()
        let busy = (0..<4).map { _ in
            station.loop.start { while !over.isSet { await station.workers.run { usleep(100_000) } } }
        }
        let target = Array(scratch["back"].utf8)
        let report = await cluster.run { await $0.gather([Array("out".utf8)], to: target) }
        over.set()
        for one in busy { await one.value }
        if isThere {
            #expect(report.failures.isEmpty && report.files == 1, "\(report)")
            #expect(try scratch.read("back/n1/out/file") == scratch.read("store-n1/out/file"))
        } else {
            #expect(report.failures.allSatisfy { $0.kind == .missing } && !report.failures.isEmpty, "\(report)")
        }
    }

    @Test func theStandardChunkSizeToo() async throws {
        let scratch = try Scratch()
        let chunk = ChunkSize.standard.bytes
        for (i, size) in [chunk - 1, chunk, chunk + 1, 2 * chunk + 3].enumerated() {
            try scratch.write("src/f\(i)", size, seed: UInt64(i + 1))
        }
        var settings = scratch.settings(["n0", "n1"])
        for i in settings.indices { settings[i].chunkSize = .standard }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        #expect(await cluster.diffuse(scratch["src"]).failures.isEmpty)
        let bcast = await cluster.bcast("/src")
        #expect(bcast.failures.isEmpty, "\(bcast.failures)")
        for host in ["n0", "n1"] {
            #expect(try differences(scratch["src"], scratch["store-\(host)/src"], permissions: false) == "")
        }
    }

    @Test func whatIsNoFileIsSkippedWithAWarningAndWhatVanishesIsNamed() async throws {
        let scratch = try Scratch()
        for i in 0..<600 { try scratch.write("src/d/f\(1000 + i)", 10, seed: UInt64(i + 1)) }
        try run("/usr/bin/mkfifo", scratch["src/d/f1003-fifo"])
        try scratch.makeDirectory("src/.daft")
        try scratch.write("src/.daft/daft", 10)
        let cluster = try await scratch.cluster(["n0"])
        defer { cluster.close() }
        let report = await cluster.put(scratch["src"])
        #expect(report.failures.isEmpty, "\(report.failures)")
        let fifo = Array(scratch["src/d/f1003-fifo"].utf8)
        #expect(report.warnings.contains { $0.subject == fifo }, "\(report.warnings)")
        #expect(try cluster.entry(Name("/src/d/f1599")) != nil)
        #expect(try cluster.entry(Name("/src/d/f1003-fifo")) == nil)
        for bad in ["nothing-here", "src/d/f1003-fifo"] {
            let report = await cluster.put(scratch[bad])
            #expect(report.files == 0)
            #expect(report.failures.count + report.warnings.count == 1)
        }
    }

    @Test(arguments: ["n0", "n1"]) func aFileThatChangesWhileItIsReadIsReportedAndNotPublished(
        _ host: String
    ) async throws {
        let scratch = try Scratch()
        for (i, name) in ["grows", "shrinks", "vanishes", "edited", "good"].enumerated() {
            try scratch.write("src/\(name)", 24 << 20, seed: UInt64(i + 1))
        }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let source = scratch["src"]
        let task = Task { await cluster.put(source, at: host) }
        while try FileManager.default.contentsOfDirectory(atPath: scratch["store-\(host)/.daft/partial"]).isEmpty {
            try await Task.sleep(for: .milliseconds(1))
        }
        try run("/usr/bin/truncate", "-s", "25M", scratch["src/grows"])
        try run("/usr/bin/truncate", "-s", "20M", scratch["src/shrinks"])
        try run("/bin/rm", scratch["src/vanishes"])
        try scratch.damage("src/edited", at: 23 << 20)
        let report = await task.value
        let named = Set(report.failures.map { String(decoding: $0.subject, as: UTF8.self) })
        let changed = ["grows", "shrinks", "vanishes", "edited"]
        #expect(named == Set(changed.map { scratch["src/\($0)"] }), "\(report.failures)")
        #expect(report.files == 1)
        #expect(report.exitStatus == 1)
        for name in changed { #expect(try cluster.entry(Name("/src/\(name)")) == nil) }
        #expect(try scratch.read("store-\(host)/src/good") == scratch.read("src/good"))
    }

    @Test func aSourceThatContainsTheStoreDoesNotSwallowIt() async throws {
        let scratch = try Scratch()
        try scratch.write("all/data/f", 10_000)
        var settings = scratch.settings(["n0"])
        settings[1].store = Array(scratch["all/store"].utf8)
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        for _ in 0..<2 {
            let report = await cluster.put(scratch["all"])
            #expect(report.failures.isEmpty, "\(report.failures)")
            #expect(report.files == 1)
        }
        #expect(try cluster.entry(Name("/all/store")) == nil)
        #expect(try scratch.read("all/store/all/data/f") == scratch.read("all/data/f"))
    }

    @Test func nothingIsWrittenThroughSymlinksThatStandInTheStoreOrTheTarget() async throws {
        let scratch = try Scratch()
        try scratch.write("src/dir/f", 10_000)
        try scratch.makeDirectory("outside")
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        #expect(await cluster.put(scratch["src"], at: "n1").failures.isEmpty)
        try scratch.makeDirectory("store-n0/src")
        try #require(symlink(scratch["outside"], scratch["store-n0/src/dir"]) == 0)
        try scratch.makeDirectory("out")
        try #require(symlink(scratch["outside"], scratch["out/dir"]) == 0)
        let fetch = await cluster.fetch([try Name("/src")], at: "n0")
        #expect(fetch.exitStatus != 0)
        _ = await cluster.get(try Name("/src"), to: scratch["out"])
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch["outside"]) == [])
    }
}
