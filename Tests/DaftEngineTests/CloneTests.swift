// A `put` by clone stores the clone's bytes, even if the source changes.

import DaftModel
import DaftStore
import DaftWire
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DaftEngine

/// A disk that emulates reflinks by copying; `after` runs after each clone.
private final class CloningDisk: Disk, @unchecked Sendable {
    private let count = Atomic(0)
    private let after: @Sendable () -> Void

    init(after: @escaping @Sendable () -> Void = {}) { self.after = after }

    var clones: Int { count.load(ordering: .relaxed) }

    override func clone(_ from: Descriptor, to: Descriptor) throws(SystemError) {
        let size = try from.status().size
        try truncate(to, to: size)
        var offset: Int64 = 0
        while offset < size { offset += Int64(try copy(from, to: to, at: offset, length: Int(size - offset))) }
        count.add(1, ordering: .relaxed)
        after()
    }
}

@Suite(.timeLimit(.minutes(2))) struct CloneTests {
    private static let chunk = 4096
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func cluster(_ hosts: [String], _ disk: CloningDisk) async throws -> Cluster {
        var settings = scratch.settings(hosts)
        for index in settings.indices { (settings[index].storeOptions.disk, settings[index].traces) = (disk, true) }
        return try await Cluster.start(settings)
    }

    private func written(_ cluster: Cluster) -> Int {
        cluster.stations[1].trace?.page(from: 0).events.count { $0.kind == .written } ?? 0
    }

    private func blocks(_ relative: String) throws -> Int {
        var status = stat()
        try #require(stat(scratch[relative], &status) == 0)
        return Int(status.st_blocks) * 512
    }

    @Test(arguments: ["put", "bcast"]) func aSourceIsClonedAndNotWritten(verb: String) async throws {
        try scratch.write("src/large", 20 * Self.chunk + 5)
        let disk = CloningDisk()
        let cluster = try await cluster(verb == "put" ? ["n0"] : ["n0", "n1", "n2"], disk)
        defer { cluster.close() }
        let report = await verb == "put" ? cluster.put(scratch["src"]) : cluster.bcast(scratch["src"])
        #expect(report.failures.isEmpty, "\(report)")
        #expect(disk.clones == 1 && written(cluster) == 0)
        for host in try await cluster.keepers(Name("/src/large")) {
            #expect(try scratch.read("store-\(host)/src/large") == scratch.read("src/large"))
        }
        #expect(await cluster.verify().report.failures.isEmpty)
    }

    @Test func zerosBecomeHoles() async throws {
        try scratch.write("large", 256 * Self.chunk)
        let file = open(scratch["large"], O_RDWR)
        let zeros = [UInt8](repeating: 0, count: 200 * Self.chunk)
        #expect(pwrite(file, zeros, zeros.count, off_t(20 * Self.chunk)) == zeros.count)
        close(file)
        let disk = CloningDisk()
        let cluster = try await cluster(["n0"], disk)
        defer { cluster.close() }
        #expect(await cluster.put(scratch["large"]).failures.isEmpty)
        #expect(disk.clones == 1)
        #expect(try scratch.read("store-n0/large") == scratch.read("large"))
        #expect(try blocks("store-n0/large") == 56 * Self.chunk)
    }

    @Test(arguments: [0, 100 * Self.chunk]) func aSourceThatChangesMeanwhileIsReported(grown: Int) async throws {
        try scratch.write("large", 20 * Self.chunk)
        let isOver = Mutexed(false)
        let disk = CloningDisk { [scratch] in
            if isOver.value { return }
            if grown > 0 { truncate(scratch["large"], off_t(grown)) }
            try? scratch.damage("large", at: 7 * Self.chunk)
        }
        let cluster = try await cluster(["n0"], disk)
        defer { cluster.close() }
        let changed = await cluster.put(scratch["large"])
        #expect(changed.failures.map(\.kind) == [.changed], "\(changed.failures)")
        #expect(try cluster.entry(Name("/large")) == nil)
        isOver.set(true)
        #expect(await cluster.put(scratch["large"]).failures.isEmpty)
        #expect(try scratch.read("store-n0/large") == scratch.read("large"))
        #expect(await cluster.verify().report.failures.isEmpty)
    }
}
