// Contents in a store on this node are read from its file, without link traffic.

import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Foundation
import Glibc
import Testing

@testable import DaftEngine

@Suite(.timeLimit(.minutes(2))) struct NearTests {
    private static let chunk = 4096
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func written(_ cluster: Cluster, at rank: Int = 1) -> [TraceEvent] {
        cluster.stations[rank].trace?.page(from: 0).events.filter { $0.kind == .written } ?? []
    }

    @Test func theOwnStoreIsAskedForNothingOverTheLink() async throws {
        try scratch.write("src/large", 21 * Self.chunk + 5)
        for i in 0..<20 { try scratch.write("src/small\(i)", 100 * i, seed: UInt64(i + 1)) }
        let cluster = try await scratch.cluster(["n1", "n2"], at: "login")
        defer { cluster.close() }
        #expect(await cluster.put(scratch["src"], at: "n1").failures.isEmpty)
        let supplied = cluster.traffic.supplied
        let get = await cluster.get(try Name("/src"), to: scratch["out"], at: 1)
        #expect(get.failures.isEmpty && get.files == 21 && get.moved == 0, "\(get)")
        #expect(try differences(scratch["src"], scratch["out"]) == "")
        let cat = await cluster.cat(try Name("/src/large"), at: 1)
        #expect(try cat.bytes == scratch.read("src/large"))
        #expect(cat.report.moved == 0)
        #expect(cluster.traffic.ownLoads == 0 && cluster.traffic.supplied == supplied)
        // From another node they come over the link.
        let far = await cluster.get(try Name("/src"), to: scratch["far"], at: 2)
        #expect(try far.failures.isEmpty && differences(scratch["src"], scratch["far"]) == "")
        #expect(cluster.traffic.supplied(by: 1) == Int(far.bytes) && far.moved == far.bytes)
    }

    @Test func aWrongChunkComesFromElsewhereAndIsMended() async throws {
        try scratch.write("src/large", 20 * Self.chunk + 5)
        try scratch.write("src/small", 700, seed: 2)
        let cluster = try await scratch.cluster(["n1", "n2"], at: "login")
        defer { cluster.close() }
        _ = await cluster.put(scratch["src"], at: "n1")
        _ = await cluster.fetch([try Name("/src")], at: "n2")
        try scratch.damage("store-n1/src/large", at: 3 * Self.chunk + 1)
        try scratch.damage("store-n1/src/large", at: 20 * Self.chunk + 1)
        try scratch.damage("store-n1/src/small", at: 3)
        let get = await cluster.get(try Name("/src"), to: scratch["out"], at: 1)
        #expect(get.failures.isEmpty, "\(get.failures)")
        #expect(try differences(scratch["src"], scratch["out"]) == "")
        #expect(get.moved == Int64(Self.chunk) + 5 + 700)
        let isMended = await within(seconds: 10) { [scratch] in
            func isRight(_ name: String) -> Bool {
                (try? scratch.read("store-n1/\(name)")) == (try? scratch.read(name))
            }
            while !isRight("src/large") || !isRight("src/small") { try? await Task.sleep(for: .milliseconds(10)) }
            return true
        }
        #expect(isMended == true)
    }

    @Test func whatIsWrongHereAndNowhereElseIsNotWritten() async throws {
        try scratch.write("large", 9 * Self.chunk)
        let cluster = try await scratch.cluster(["n1"], at: "login")
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        try scratch.damage("store-n1/large", at: 4 * Self.chunk)
        let get = await cluster.get(try Name("/large"), to: scratch["out"], at: 1)
        #expect(get.exitStatus == 5 && get.failures.first?.reason.contains("16384–20479") == true, "\(get.failures)")
        #expect(!scratch.exists("out"))
    }

    @Test func holesStayHoles() async throws {
        let size = 64 << 20
        try scratch.write("sparse", 3 * Self.chunk)
        let file = open(scratch["sparse"], O_RDWR)
        ftruncate(file, off_t(size))
        pwrite(file, "end", 3, off_t(size - 3))
        close(file)
        var settings = scratch.settings(["n1"], at: "login")
        for index in settings.indices { settings[index].chunkSize = .standard }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        _ = await cluster.put(scratch["sparse"])
        #expect(await cluster.get(try Name("/sparse"), to: scratch["out"], at: 1).failures.isEmpty)
        #expect(try run("/usr/bin/cmp", scratch["sparse"], scratch["out"]) == "")
        var status = stat()
        #expect(stat(scratch["out"], &status) == 0 && status.st_blocks * 512 < 1 << 20, "\(status.st_blocks)")
        #expect(cluster.traffic.ownLoads == 0)
    }

    @Test func whatAnEarlierRunLeftIsNotCopiedAgain() async throws {
        try scratch.write("large", 20 * Self.chunk)
        var settings = scratch.settings(["n1"], at: "login")
        settings[1].traces = true
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        let before = written(cluster).count
        try scratch.write("left", 20 * Self.chunk)
        for chunk in 5..<20 { try scratch.damage("left", at: chunk * Self.chunk + chunk) }
        try run("/bin/mv", scratch["left"], scratch[".out.daft-partial"])
        #expect(await cluster.get(try Name("/large"), to: scratch["out"], at: 1).failures.isEmpty)
        #expect(try scratch.read("out") == scratch.read("large"))
        #expect(written(cluster).count - before == 15)
        #expect(!scratch.exists(".out.daft-partial"))
    }

    @Test func aLimitHoldsAndAStopLeavesWhatItHad() async throws {
        try scratch.write("large", 64 * Self.chunk)
        let cluster = try await scratch.cluster(["n1"], at: "login")
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        let (name, target) = (try Name("/large"), Array(scratch["out"].utf8))
        let get = Task {
            await cluster.run(at: 1) {
                await Session(at: $0.station, limit: ByteRate(64 << 10)).get([name], to: target)
            }
        }
        try await Task.sleep(for: .milliseconds(700))
        get.cancel()
        let report = try #require(await within(seconds: 20) { await get.value })
        #expect(Set(report.failures.map(\.kind)) == [.stopped], "\(report.failures)")
        var status = stat()
        #expect(stat(scratch[".out.daft-partial"], &status) == 0 && !scratch.exists("out"))
        #expect((Self.chunk...128 << 10).contains(Int(status.st_blocks) * 512), "\(status.st_blocks)")
        #expect(await cluster.get(name, to: scratch["out"], at: 1).failures.isEmpty)
        #expect(try scratch.read("out") == scratch.read("large"))
    }

    /// The metadata server has no store; in one process it reads that of the data server on its node.
    @Test(arguments: [("n1", 0), ("login", 300_000)]) func aStoreOfTheSameProcess(host: String, moved: Int64)
        async throws
    {
        try scratch.write("src/large", 200_000)
        for i in 0..<50 { try scratch.write("src/small\(i)", 2_000, seed: UInt64(i + 1)) }
        let system = try await LocalSystem.start(scratch.settings(["n1"], at: host))
        defer { system.close() }
        let (source, target, name) = (Array(scratch["src"].utf8), Array(scratch["out"].utf8), try Name("/src"))
        let (put, get) = await system.run { station in
            let session = Session(at: station)
            return (await session.put([source]), await session.get([name], to: target))
        }
        #expect(put.failures.isEmpty && get.failures.isEmpty && get.moved == moved, "\(put) \(get)")
        #expect(try differences(scratch["src"], scratch["out"]) == "")
    }
}
