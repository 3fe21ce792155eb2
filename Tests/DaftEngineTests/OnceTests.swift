// Write once, read many: refused files change nothing, and identical ones move nothing.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import Foundation
import Testing

@testable import DaftEngine

@Suite struct OnceTests {
    @Test func takenNamesAreRefusedWithStatus4AndNothingOfThemRemains() async throws {
        let scratch = try Scratch()
        try scratch.write("src/file", 9000)
        try scratch.write("src/dir/inner", 100)
        try FileManager.default.createSymbolicLink(atPath: scratch["src/link"], withDestinationPath: "file")
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        #expect(await cluster.put(scratch["src"]).exitStatus == 0)
        let state = cluster.state
        let partials = try FileManager.default.contentsOfDirectory(atPath: scratch["store-n0/.daft/partial"])
        try scratch.write("large", 50_000, seed: 7)
        try scratch.write("small", 50, seed: 8)
        try scratch.makeDirectory("directory")
        try scratch.write("elsewhere", 70, seed: 9)
        try FileManager.default.createSymbolicLink(atPath: scratch["other-link"], withDestinationPath: "elsewhere")
        try scratch.makeDirectory("links")
        for link in ["dir", "link"] {
            try FileManager.default.createSymbolicLink(
                atPath: scratch["links/" + link], withDestinationPath: "elsewhere")
        }
        for (source, name) in [
            ("large", "/src/file"), ("small", "/src/file"), ("small", "/src"), ("directory", "/src/file"),
            ("large", "/src/file/below"), ("small", "/src/link/below"), ("other-link", "/src/link"),
            ("other-link", "/src/dir"), ("large", "/src/link"),
        ] {
            for report in [
                await cluster.put(scratch[source], as: try Name(name)),
                await cluster.put(scratch[source], at: "n1", as: try Name(name)),
                await cluster.diffuse(scratch[source], as: try Name(name)),
                await cluster.bcast(scratch[source], as: try Name(name)),
            ] {
                #expect(report.exitStatus == 4, "\(source) \(name): \(report.failures)")
                #expect(report.failures.first?.subject == Array(name.utf8))
            }
        }
        // The two broadcasts of the published file only bring it to the other node.
        let fresh = try run(
            "/usr/bin/find", scratch["store-n0"], "-newer", scratch["other-link"], "-size", "+40k", "!", "-name",
            "*.sqlite*")
        #expect(fresh == "")
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch["store-n0/.daft/partial"]) == partials)
        #expect(try FileManager.default.contentsOfDirectory(atPath: scratch["store-n1/.daft/partial"]) == [])
        #expect(try cluster.entry(Name("/src/file/below")) == nil)
        #expect(try differences(scratch["src"], scratch["store-n0/src"], permissions: false) == "")
        #expect(try cluster.stations[0].catalogue.counts().contents == 2)
        #expect(cluster.state >= state)
        for report in [
            await cluster.put(scratch["links"], as: try Name("/src")),
            await cluster.bcast(scratch["links"], as: try Name("/src")),
        ] {
            #expect(report.exitStatus == 4)
            #expect(Set(report.failures.map(\.subject)) == Set(["/src/dir", "/src/link"].map { Array($0.utf8) }))
        }
    }

    @Test func theSameAgainMovesNothingAndMakesNoNewState() async throws {
        let scratch = try Scratch()
        try scratch.write("src/large", 100_001)
        for i in 0..<5 { try scratch.write("src/dir/f\(i)", 1000 * i, seed: UInt64(i + 1)) }
        try FileManager.default.createSymbolicLink(atPath: scratch["src/link"], withDestinationPath: "x")
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        let first = await cluster.put(scratch["src"], at: "n1")
        #expect(first.failures.isEmpty)
        #expect(first.moved == 110_001)
        _ = await cluster.diffuse(scratch["src"], as: try Name("/spread"))
        _ = await cluster.bcast("/src")
        let (state, supplied) = (cluster.state, cluster.traffic.supplied)
        for report in [
            await cluster.put(scratch["src"], at: "n1"), await cluster.put(scratch["src"]),
            await cluster.diffuse(scratch["src"], as: try Name("/spread")), await cluster.bcast("/src"),
            await cluster.bcast(scratch["src"]), await cluster.fetch([try Name("/src")], at: "n2"),
        ] {
            #expect(report.failures.isEmpty, "\(report.failures)")
            #expect(report.moved == 0)
        }
        #expect(cluster.traffic.supplied == supplied)
        #expect(cluster.state == state)
    }

    @Test func anotherModeOrTimeIsTakenOver() async throws {
        let scratch = try Scratch()
        try scratch.write("src/file", 5000)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.bcast(scratch["src"])
        try run("/bin/chmod", "4751", scratch["src/file"])
        try run("/usr/bin/touch", "-d", "1999-12-31 23:59:59.123456789", scratch["src/file"])
        try run("/bin/chmod", "700", scratch["src"])
        let again = await cluster.bcast(scratch["src"])
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(again.moved == 0)
        for host in ["n0", "n1"] {
            #expect(try differences(scratch["src"], scratch["store-\(host)/src"], permissions: false) == "")
        }
        #expect(await cluster.get(try Name("/src"), to: scratch["out"]).failures.isEmpty)
        #expect(try differences(scratch["src"], scratch["out"]) == "")
    }

    @Test func oneRefusedNameInATreeLeavesTheRestDone() async throws {
        let scratch = try Scratch()
        for i in 0..<1200 { try scratch.write("src/f\(10_000 + i)", 20, seed: UInt64(i + 1)) }
        // A later batch has a file with the content that is refused in the first.
        let same = try Data(contentsOf: URL(fileURLWithPath: scratch["src/f10003"]))
        for late in ["src/f10700", "src/f11100"] { try same.write(to: URL(fileURLWithPath: scratch[late])) }
        let cluster = try await scratch.cluster(["n0"])
        defer { cluster.close() }
        _ = await cluster.put(try scratch.write("other", 20, seed: 9999), as: try Name("/src/f10003"))
        let report = await cluster.put(scratch["src"])
        #expect(report.failures.map(\.kind) == [.taken], "\(report.failures.prefix(3))")
        #expect(report.files == 1199)
        let changes = try differences(scratch["src"], scratch["store-n0/src"], permissions: false)
        #expect(changes.split(separator: "\n").filter { !$0.hasPrefix(".d") }.count == 1, "\(changes)")
        let verified = await cluster.verify()
        #expect(verified.report.failures.isEmpty, "\(verified.report.failures)")
        #expect(verified.report.files == 1199)
    }

    @Test func aRefusalTakesNothingFromWhatIsPublishedElsewhere() async throws {
        let scratch = try Scratch()
        try scratch.write("large", 100_000)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.diffuse(scratch["large"], as: try Name("/a"))
        _ = await cluster.put(try scratch.write("b", 10, seed: 2), as: try Name("/b"))
        #expect(await cluster.put(scratch["large"], as: try Name("/b")).exitStatus == 4)
        #expect(await cluster.put(scratch["large"], at: "n1", as: try Name("/b")).exitStatus == 4)
        #expect(await cluster.diffuse(scratch["large"], as: try Name("/b")).exitStatus == 4)
        let bytes = try scratch.read("large")
        let cat = await cluster.cat(try Name("/a"))
        #expect(cat.bytes == bytes, "\(cat.report.failures)")
    }

    @Test func twoPutsOfOneNameAtOnceAgreeOrOneIsRefused() async throws {
        let scratch = try Scratch()
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        for round in 0..<10 {
            let size = round % 2 == 0 ? 3000 : 70_000
            let (x, y) = (try scratch.write("x\(round)", size, seed: 1), try scratch.write("y\(round)", size, seed: 2))
            let name = try Name("/n\(round)")
            let host = round % 4 < 2 ? "n0" : "n1"
            let reports = await within(seconds: 10) {
                async let a = cluster.put(x, at: "n0", as: name)
                async let b = cluster.put(y, at: host, as: name)
                async let c = cluster.put(x, at: "n0", as: name)
                return await [a, b, c]
            }
            let done = try #require(reports)
            #expect(done[0].exitStatus == done[2].exitStatus)
            #expect(Set(done.map(\.exitStatus)) == [0, 4], "\(done.map(\.failures))")
            let winner = try scratch.read(done[0].exitStatus == 0 ? "x\(round)" : "y\(round)")
            #expect(await cluster.cat(name).bytes == winner)
        }
        #expect(await cluster.verify().report.failures.isEmpty)
    }

    @Test func equalFilesSpreadOverStoresAreKnownAtEach() async throws {
        let scratch = try Scratch()
        for i in 0..<6 { try scratch.write("src/f\(i)", 4000) }
        for i in 0..<2 { try scratch.write("src/large\(i)", 50_000, seed: 5) }
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        _ = await cluster.diffuse(scratch["src"])
        let inventories = try (1...3).map { try cluster.stations[0].catalogue.inventory(of: $0 - 1) }
        let stores = cluster.stations.compactMap { $0.store }
        let numbers = cluster.stations.dropFirst().compactMap(\.number)
        for (store, number) in zip(stores, numbers) { #expect(store.inventory == inventories[number]) }
        cluster.close()
    }
}
