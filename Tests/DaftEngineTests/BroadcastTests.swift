// Broadcasts along a chain: which rank sends what, and failures within the chain.
import DaftLink
import DaftModel
import DaftStore
import DaftWire
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DaftEngine

@Suite struct BroadcastTests {
    private let hosts = ["n0", "n1", "n2", "n3"]

    @Test func everyRankSendsTheFileOnceAtMost() async throws {
        let scratch = try Scratch()
        let size = 400_000
        _ = try scratch.write("src", size, seed: 1)
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        let report = await cluster.bcast(scratch["src"])
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(try await cluster.keepers(try Name("/src")) == hosts)
        for rank in 0...hosts.count { #expect(cluster.traffic.supplied(by: rank) <= size, "rank \(rank)") }
        #expect(cluster.traffic.supplied == (hosts.count - 1) * size)
        #expect(report.moved == Int64(cluster.traffic.supplied))
    }

    @Test func aSourceThatCannotBeReadHoldsNobodyUp() async throws {
        let scratch = try Scratch()
        _ = try scratch.write("src/large", 3 << 20, seed: 3)
        _ = try scratch.write("src/small", 1_000, seed: 4)
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        let restless = Restless(scratch["src/large"])
        let begun = ContinuousClock.now
        let report = await cluster.bcast(scratch["src"])
        restless.end()
        #expect(ContinuousClock.now - begun < .seconds(8), "nobody waits for what does not come")
        #expect(report.failures.contains { $0.kind == .changed }, "\(report.failures)")
        #expect(report.files == 1 && report.servers == hosts, "the other file is whole everywhere: \(report.servers)")
        let small = try scratch.read("src/small")
        for host in hosts { #expect(try scratch.read("store-\(host)/src/small") == small, "\(host)") }
    }

    @Test func aSlowSourceBreaksNoChain() async throws {
        let scratch = try Scratch()
        let size = 4 << 20
        _ = try scratch.write("src", size, seed: 6)
        var settings = scratch.settings(hosts)
        for i in settings.indices {
            settings[i].chunkSize = ChunkSize(256 << 10)!
            settings[i].passOverMilliseconds = 2_500
        }
        settings[1].workerThreads = 1
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let slow = Slow(cluster.stations[1])
        let begun = ContinuousClock.now
        let report = await cluster.bcast(scratch["src"])
        slow.end()
        #expect(ContinuousClock.now - begun > .seconds(5), "twice as long as a rank may have nothing new")
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(cluster.traffic.supplied(by: 0) == 0, "nobody had to ask who offers it")
        for rank in 1...hosts.count { #expect(cluster.traffic.supplied(by: rank) <= size, "rank \(rank)") }
    }

    @Test func aNameKeepsItsName() async throws {
        let scratch = try Scratch()
        _ = try scratch.write("src", 1_000, seed: 5)
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        #expect(await cluster.put(scratch["src"]).failures.isEmpty)
        #expect(await cluster.bcast("/src", as: try Name("/other")).failures.map(\.kind) == [.usage])
    }

    @Test func whatWasSpreadGoesRoundFromAllItsKeepers() async throws {
        let scratch = try Scratch()
        let size = 64 * 4096
        _ = try scratch.write("src", size, seed: 2)
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        _ = await cluster.diffuse(scratch["src"])
        let before = (1...hosts.count).map { cluster.traffic.supplied(by: $0) }
        let report = await cluster.bcast("/src")
        #expect(report.failures.isEmpty, "\(report.failures)")
        for rank in 1...hosts.count {
            let sent = cluster.traffic.supplied(by: rank) - before[rank - 1]
            #expect(sent <= size * 3 / 4 + 3 * 4096, "rank \(rank) sent \(sent) of \(size)")
        }
    }

    @Test func whatAllNodesSeeIsReadByAllOfThem() async throws {
        let scratch = try Scratch()
        let size = 64 * 4096
        _ = try scratch.write("src", size, seed: 3)
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        let path = Array(scratch["src"].utf8)
        let report = await cluster.run { await $0.bcast([path], shared: true) }
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(try await cluster.keepers(try Name("/src")) == hosts)
        // Each rank reads a quarter, so it gets at most three quarters from others.
        #expect(cluster.traffic.supplied == 3 * size)
        for rank in 1...hosts.count { #expect(cluster.traffic.supplied(by: rank) <= size * 3 / 4, "rank \(rank)") }
    }

    @Test func ranksThatCutFilesUnlikeAgreeOnWhoReadsWhichOfManySmallOnes() async throws {
        let scratch = try Scratch()
        let (count, size) = (100, 100_000)
        for file in 0..<count { _ = try scratch.write("src/\(file)", size, seed: UInt64(file)) }
        var settings = scratch.settings(hosts)
        for i in settings.indices { settings[i].chunkSize = ChunkSize(i % 2 == 0 ? 1 << 20 : 4 << 20)! }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let path = Array(scratch["src"].utf8)
        let begun = ContinuousClock.now
        let report = await cluster.run { await $0.bcast([path], shared: true) }
        #expect(ContinuousClock.now - begun < .seconds(8), "nobody waits for what another does not read")
        #expect(report.failures.isEmpty && report.files == Int64(count), "\(report.failures)")
        #expect(cluster.traffic.supplied(by: 0) == 0, "nobody had to ask who offers it")
        #expect(cluster.traffic.supplied == (hosts.count - 1) * count * size)
    }

    @Test func whatNotAllNodesSeeIsNotShared() async throws {
        let scratch = try Scratch()
        _ = try scratch.write("src", 3)
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        let seen = try sighting(of: Array(scratch["src"].utf8))
        let other = SourceFileInfo(
            path: seen.path, size: seen.size, mtime: seen.mtime, ctime: seen.ctime, device: 7, inode: seen.inode + 1,
            mode: seen.mode)
        let replies = await cluster.run { session in
            [
                try? await session.station.ask(.sees(seen), at: Rank(2)),
                try? await session.station.ask(.sees(other), at: Rank(2)),
            ]
        }
        #expect(replies == [Reply.done, nil])
    }

    @Test func thatOneStoreCannotTakeItHindersNobodyElse() async throws {
        let scratch = try Scratch()
        _ = try scratch.write("src/large", 300_000, seed: 4)
        for file in 0..<40 { _ = try scratch.write("src/small\(file)", 3_000, seed: UInt64(file)) }
        let cluster = try await Cluster.start(scratch.settings(hosts))
        defer { cluster.close() }
        // Blocks the names on the second rank of the chain.
        let inTheWay = scratch["store-n1"] + "/src"
        try "not a directory".write(toFile: inTheWay, atomically: false, encoding: .utf8)
        let report = await cluster.bcast(scratch["src"])
        #expect(!report.failures.isEmpty)
        #expect(report.failures.allSatisfy { $0.node == "n1" }, "\(report.failures)")
        for host in ["n0", "n2", "n3"] {
            #expect(try scratch.read("store-\(host)/src/large") == scratch.read("src/large"), "\(host)")
        }
    }

    @Test(arguments: ["bcast", "name", "fetch"]) func whatIsPackedTravelsInFewerBytes(way: String) async throws {
        let scratch = try Scratch()
        let text = Array(String(repeating: "the same words again and again, ", count: 12_000).utf8)
        try scratch.makeDirectory("src")
        try Data(text).write(to: URL(fileURLWithPath: scratch["src/text"]))
        for file in 0..<20 { try Data(text[..<2_000]).write(to: URL(fileURLWithPath: scratch["src/t\(file)"])) }
        _ = try scratch.write("src/noise", 100_000, seed: 5)
        let settings = scratch.settings(hosts).map { some in
            var some = some
            some.compression = 1
            return some
        }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        let report: Report
        switch way {
        case "bcast": report = await cluster.bcast(scratch["src"])
        case "name":
            _ = await cluster.put(scratch["src"])
            report = await cluster.bcast("/src")
        default:
            _ = await cluster.put(scratch["src"])
            report = await cluster.fetch([try Name("/src")], at: "n2")
        }
        #expect(report.failures.isEmpty, "\(report.failures)")
        let receivers = way == "fetch" ? 1 : 3
        let raw = receivers * (text.count + 100_000)
        #expect(report.moved > receivers * 100_000)
        #expect(report.moved < raw / 2, "\(report.moved) of \(raw)")
        for host in way == "fetch" ? ["n2"] : hosts {
            #expect(try scratch.read("store-\(host)/src/text") == text, "\(host)")
            #expect(try scratch.read("store-\(host)/src/noise") == scratch.read("src/noise"), "\(host)")
        }
    }

    @Test func onlyWhatGetsSmallerIsPacked() {
        let words = [UInt8](repeating: 7, count: 300_000)
        let noise = pseudorandom(300_000, 9)
        for (bytes, isPacked) in [(words, true), (noise, false), ([], false), ([1], false)] {
            var room = [UInt8](repeating: 0, count: bytes.count)
            let count = bytes.withUnsafeBytes { bytes in
                room.withUnsafeMutableBytes { Compression.pack(bytes, into: $0, level: 1) }
            }
            #expect((count != nil) == isPacked)
            guard let count else { continue }
            var back = [UInt8](repeating: 0, count: bytes.count)
            #expect(unpacked(Array(room[..<count]), into: &back) && back == bytes)
            #expect(!unpacked(Array(room[..<(count - 1)]), into: &back))
            var larger = back + [0]
            #expect(!unpacked(Array(room[..<count]), into: &larger))
        }
    }

    private func unpacked(_ bytes: [UInt8], into room: inout [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in room.withUnsafeMutableBytes { Compression.unpack(bytes, into: $0) } }
    }
}

/// Delays a rank's disk work repeatedly.
private final class Slow: Sendable {
    private let workers: Workers
    private let isOver = Atomic<Bool>(false)

    init(_ station: Station) {
        workers = station.workers
        hold()
    }

    private func hold() {
        workers.start { [self] in
            usleep(350_000)
            if !isOver.load(ordering: .relaxed) { hold() }
        }
    }

    func end() { isOver.store(true, ordering: .relaxed) }
}

/// Keeps changing a file's times, so that it always differs from what was found.
private final class Restless: Sendable {
    private let isOver = Atomic<Bool>(false)

    init(_ path: String) {
        Thread.detachNewThread { [self] in
            while !isOver.load(ordering: .relaxed) {
                utimensat(AT_FDCWD, path, nil, 0)
                usleep(200)
            }
        }
    }

    func end() { isOver.store(true, ordering: .relaxed) }
}
