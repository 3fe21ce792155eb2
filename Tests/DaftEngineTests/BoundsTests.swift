// Memory, descriptors and the load of a single holder do not grow with the data.

import DaftCatalogue
import DaftLink
import DaftModel
import Foundation
import Glibc
import Testing

@testable import DaftEngine

@Suite(.serialized) struct BoundsTests {
    private func openFiles() throws -> Int {
        try FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd").count
    }

    /// Resident memory of this process in MiB.
    private func residentMebibytes() throws -> Int {
        let fields = try String(contentsOfFile: "/proc/self/statm", encoding: .utf8).split(separator: " ")
        return (Int(fields[1]) ?? 0) * 4096 >> 20
    }

    /// All slabs of each pool are free.
    private func expectAllSlabsBack(_ cluster: Cluster) async {
        for station in cluster.stations {
            for pool in [station.intake, station.outlet] {
                let all = await within(seconds: 5) { await pool.take(pool.totalBytes).byteCount }
                #expect(all == pool.totalBytes, "\(station.rank)")
            }
        }
    }

    @Test func everythingIsGivenBackAfterEveryVerb() async throws {
        let scratch = try Scratch()
        for i in 0..<30 { try scratch.write("src/f\(i)", 50_000, seed: UInt64(i + 1)) }
        try scratch.write("other", 50_000, seed: 99)
        let cluster = try await scratch.cluster(["n0", "n1", "n2"])
        defer { cluster.close() }
        let name = try Name("/src")
        func everyVerb() async throws {
            _ = await cluster.put(scratch["src"], at: "n1")
            _ = await cluster.put(scratch["other"], as: try Name("/src/f1"))
            _ = await cluster.diffuse(scratch["src"], as: try Name("/spread"))
            _ = await cluster.bcast("/src")
            _ = await cluster.fetch([try Name("/spread")], at: "n2")
            _ = await cluster.get(name, to: scratch["out"])
            _ = await cluster.cat(try Name("/src/f0"))
            _ = await cluster.verify()
        }
        try await everyVerb()
        await expectAllSlabsBack(cluster)
        let before = try openFiles()
        for _ in 0..<3 { try await everyVerb() }
        await expectAllSlabsBack(cluster)
        #expect(try openFiles() <= before + 40, "other tests open some too, these must not pile up")
    }

    @Test func aHugeSparseFileCostsLittle() async throws {
        let scratch = try Scratch()
        let size = 20 << 30
        let descriptor = open(scratch["huge"], O_WRONLY | O_CREAT, 0o644)
        try #require(ftruncate(descriptor, off_t(size)) == 0)
        let bytes = pseudorandom(100_000, 5)
        for place in 0..<4 { pwrite(descriptor, bytes, bytes.count, off_t(place * 6 << 30)) }
        close(descriptor)
        try run("/usr/bin/truncate", "-s", "\(size)", scratch["huge"])
        var settings = scratch.settings(["n0", "n1"])
        for i in settings.indices { settings[i].chunkSize = .standard }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let before = try residentMebibytes()
        #expect(await cluster.put(scratch["huge"]).failures.isEmpty)
        #expect(await cluster.bcast("/huge").failures.isEmpty)
        #expect(await cluster.get(try Name("/huge"), to: scratch["out"]).failures.isEmpty)
        #expect(try residentMebibytes() - before < 256)
        for copy in ["store-n0/huge", "store-n1/huge", "out"] {
            #expect(try scratch.blocks(copy) <= 2 * scratch.blocks("huge") + 8 * 16 * 1024)
            #expect(try run("/usr/bin/stat", "-c", "%s", scratch[copy]) == "\(size)\n")
        }
        let file = open(scratch["out"], O_RDONLY)
        var found = [UInt8](repeating: 0, count: bytes.count)
        #expect(pread(file, &found, found.count, off_t(18 << 30)) == found.count)
        #expect(found == bytes)
        close(file)
    }

    @Test func aSwarmOfFourTakesLittleFromTheFirstHolder() async throws {
        let scratch = try Scratch()
        let size = 8 << 20
        try scratch.write("large", size)
        let hosts = ["n0", "n1", "n2", "n3", "n4"]
        let cluster = try await Cluster.start(scratch.settings(hosts), delayMicroseconds: 2_000)
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        let name = try Name("/large")
        let reports = await within(seconds: 60) {
            await withTaskGroup(of: Report.self) { group in
                for host in hosts.dropFirst() { group.addTask { await cluster.fetch([name], at: host) } }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        for report in try #require(reports) { #expect(report.failures.isEmpty, "\(report.failures)") }
        #expect(cluster.traffic.supplied >= 4 * size)
        #expect(cluster.traffic.supplied(by: 1) < size * 5 / 2, "\(cluster.traffic.supplied(by: 1))")
        for host in hosts { #expect(try scratch.read("store-\(host)/large") == scratch.read("large")) }
    }

    @Test func manyTinyFilesOverTwoDataServers() async throws {
        let scratch = try Scratch()
        try scratch.makeDirectory("src")
        let script =
            "import os\nfor i in range(2000):\n os.makedirs('%s/d%d' % ('src', i // 500), exist_ok=True)\n"
            + " open('src/d%d/f%d' % (i // 500, i), 'wb').write(b'%d' % i)"
        try run("/bin/sh", "-c", "cd \(scratch.path) && python3 -c \"$0\"", script)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let put = await cluster.diffuse(scratch["src"])
        #expect(put.failures.isEmpty, "\(put.failures.prefix(3))")
        #expect(put.files == 2_000)
        let bcast = await cluster.bcast("/src")
        #expect(bcast.failures.isEmpty, "\(bcast.failures.prefix(3))")
        #expect(try differences(scratch["src"], scratch["store-n1/src"], permissions: false) == "")
    }
}
