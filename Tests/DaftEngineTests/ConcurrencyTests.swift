// Concurrent verbs wait for each other where necessary, without deadlock.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import Testing

@testable import DaftEngine

@Suite(.serialized) struct ConcurrencyTests {
    @Test func twoFetchesThatWantTheSameFilesInOppositeOrderBothEnd() async throws {
        let scratch = try Scratch()
        for i in 0..<20 { try scratch.write("src/f\(i)", 1000, seed: UInt64(i + 1)) }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.put(scratch["src"])
        let names = try (0..<20).map { try Name("/src/f\($0)") }
        let reports = await within(seconds: 8) {
            async let a = cluster.fetch(names, at: "n1")
            async let b = cluster.fetch(names.reversed(), at: "n1")
            return await [a, b]
        }
        let done = try #require(reports, "the fetches wait for one another")
        for report in done { #expect(report.failures.isEmpty, "\(report.failures)") }
        #expect(try differences(scratch["src"], scratch["store-n1/src"], permissions: false) == "")
    }

    @Test func eightFetchesOfTheSameLoadItOnce() async throws {
        let scratch = try Scratch()
        for i in 0..<10 { try scratch.write("src/f\(i)", 3000, seed: UInt64(i + 1)) }
        try scratch.write("src/large", 300_000)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        _ = await cluster.put(scratch["src"])
        let name = try Name("/src")
        let reports = await within(seconds: 10) {
            await withTaskGroup(of: Report.self) { group in
                for _ in 0..<8 { group.addTask { await cluster.fetch([name], at: "n1") } }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        let done = try #require(reports)
        for report in done { #expect(report.failures.isEmpty, "\(report.failures)") }
        #expect(cluster.traffic.supplied == 330_000)
        #expect(done.reduce(0) { $0 + $1.moved } == 330_000)
    }

    @Test func manyFetchesOfLargeFilesShareTheMemory() async throws {
        let scratch = try Scratch()
        for i in 0..<20 { try scratch.write("src/f\(i)", 3 << 20, seed: UInt64(i + 1)) }
        var settings = scratch.settings(["n0", "n1"])
        for i in settings.indices {
            settings[i].chunkSize = ChunkSize(16 << 20)!
            settings[i].slabBytes = 1
        }
        let cluster = try await Cluster.start(settings)
        defer { cluster.close() }
        _ = await cluster.put(scratch["src"])
        let reports = await within(seconds: 10) {
            await withTaskGroup(of: Report.self) { group in
                for i in 0..<5 {
                    let names = (0..<4).compactMap { try? Name("/src/f\(4 * i + $0)") }
                    group.addTask { await cluster.fetch(names, at: "n1") }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
        }
        let done = try #require(reports, "all memory is held by those who wait for more")
        for report in done { #expect(report.failures.isEmpty, "\(report.failures)") }
    }

    @Test func equalFilesThatAreTakenInAtOnceBothGetTheirNames() async throws {
        let scratch = try Scratch()
        for i in 0..<60 {
            for twin in ["a", "b", "c", "d"] { try scratch.write("src/\(i)\(twin)", 9000, seed: UInt64(i + 1)) }
        }
        let cluster = try await scratch.cluster(["n0"])
        defer { cluster.close() }
        let report = await cluster.put(scratch["src"])
        #expect(report.failures.isEmpty, "\(report.failures)")
        #expect(try differences(scratch["src"], scratch["store-n0/src"], permissions: false) == "")
    }

    @Test func manyThatCatchUpAtOnceAllSucceed() async throws {
        let scratch = try Scratch()
        for i in 0..<40 { try scratch.write("src\(i)/f", 10, seed: UInt64(i + 1)) }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let station = cluster.stations[2]
        let failures = Mutexed<[Failure]>([])
        for i in 0..<40 {
            _ = await cluster.put(scratch["src\(i)"])
            let state = cluster.state
            let some = await withTaskGroup(of: Failure?.self) { group in
                for _ in 0..<6 {
                    group.addTask {
                        await station.loop.start {
                            do throws(Failure) { try await station.catchUp() } catch { return error as Failure? }
                            let known = station.catalogue.head.state
                            return known < state ? Failure(.failed, [], "\(known) is older than \(state)") : nil
                        }.value
                    }
                }
                return await group.reduce(into: []) { $0.append($1) }
            }
            failures.set(failures.value + some.compactMap { $0 })
        }
        #expect(failures.value.isEmpty, "\(failures.value)")
    }

    @Test func aFetchThatIsStoppedEndsSoonAndGoesOnLater() async throws {
        let scratch = try Scratch()
        try scratch.write("large", 6 << 20)
        let cluster = try await Cluster.start(scratch.settings(["n0", "n1"]), delayMicroseconds: 4_000)
        defer { cluster.close() }
        _ = await cluster.put(scratch["large"])
        let before = cluster.traffic.supplied
        let name = try Name("/large")
        cluster.traffic.hold(after: 400_000)
        let task = Task { await cluster.fetch([name], at: "n1") }
        try await cluster.traffic.awaitHold()
        task.cancel()
        cluster.traffic.release()
        let stopped = await task.value
        #expect(stopped.failures.contains { $0.kind == .stopped })
        let moved = cluster.traffic.supplied - before
        try await Task.sleep(for: .milliseconds(300))
        #expect(cluster.traffic.supplied - before <= moved + 100_000, "it goes on although it was stopped")
        #expect(moved < 3 << 20)
        let again = await cluster.fetch([name], at: "n1")
        #expect(again.failures.isEmpty, "\(again.failures)")
        #expect(cluster.traffic.supplied - before <= (6 << 20) + 16 * 4096, "what had come came again")
        #expect(try scratch.read("store-n1/large") == scratch.read("large"))
    }
}
