// Unchanged files are not read again; changed ones are, even if disguised.

import DaftLink
import DaftModel
import DaftPlan
import DaftWire
import Foundation
import Glibc
import Testing

@testable import DaftEngine

@Suite struct AgainTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func start(_ hosts: [String] = ["n0"], margin: Int64 = 20) async throws -> Cluster {
        var settings = scratch.settings(hosts)
        for index in settings.indices {
            settings[index].traces = true
            settings[index].sourceMarginMilliseconds = margin
        }
        return try await Cluster.start(settings)
    }

    /// Three files and a symlink, older than the margin.
    private func makeTree() throws -> String {
        for index in 0..<3 { try scratch.write("tree/f\(index)", 500 + index, seed: UInt64(index + 1)) }
        #expect(symlink("f0", scratch["tree/link"]) == 0)
        usleep(60_000)
        return scratch["tree"]
    }

    /// The number of source chunks read so far on all ranks.
    private func reads(_ cluster: Cluster) -> Int { events(.read, cluster) }

    private func events(_ kind: TraceEvent.Kind, _ cluster: Cluster) -> Int {
        cluster.stations.reduce(0) { sum, station in
            sum + (station.trace?.page(from: 0).events.count { $0.kind == kind } ?? 0)
        }
    }

    private func expect(_ report: Report, _ files: Int64 = 3, sourceLocation: SourceLocation = #_sourceLocation) {
        #expect(report.failures.isEmpty && report.files == files, "\(report)", sourceLocation: sourceLocation)
    }

    @Test(arguments: ["put", "diffuse", "bcast"]) func whatHasNotChangedIsNeitherReadNorRecordedAgain(verb: String)
        async throws
    {
        let tree = try makeTree()
        let cluster = try await start(["n0", "n1"])
        defer { cluster.close() }
        func stage() async -> Report {
            switch verb {
            case "put": await cluster.put(tree)
            case "diffuse": await cluster.diffuse(tree)
            default: await cluster.bcast(tree)
            }
        }
        let first = await stage()
        expect(first)
        let (read, state) = (reads(cluster), cluster.state)
        #expect(read > 0)
        let second = await stage()
        expect(second)
        #expect(second.bytes == first.bytes && second.servers == first.servers && second.names == first.names)
        #expect(reads(cluster) == read && cluster.state == state)
    }

    @Test func aPutThatWillBeRefusedIsRefusedBeforeAnythingIsRead() async throws {
        let tree = try makeTree()
        let cluster = try await start(["n0", "n1"])
        defer { cluster.close() }
        expect(await cluster.put(tree))
        let read = reads(cluster)
        // Another size; a file in place of a directory; below a file.
        let other = try Scratch()
        try other.write("tree/f0", 700, seed: 9)
        try other.write("tree/f1/below", 700, seed: 9)
        let refused = await cluster.put(other["tree"])
        #expect(refused.failures.count == 3 && refused.failures.allSatisfy { $0.kind == .taken }, "\(refused.failures)")
        #expect(await cluster.run { await $0.put([Array(other["tree/f0"].utf8)], as: .root) }.failures.count == 1)
        #expect(reads(cluster) == read)
    }

    @Test(arguments: ["put", "diffuse", "bcast"], [["n0", "n1"], ["n0", "n1", "n2"]])
    func ofAsManyButOtherBytesNoneIsMovedOrWritten(verb: String, hosts: [String]) async throws {
        let tree = try makeTree()
        try scratch.write("tree/large", 5 * 65_536, seed: 7)
        let cluster = try await start(hosts)
        defer { cluster.close() }
        func stage(_ path: String) async -> Report {
            switch verb {
            case "put": await cluster.put(path, at: hosts.last)
            case "diffuse": await cluster.diffuse(path)
            default: await cluster.bcast(path)
            }
        }
        expect(await stage(tree), 4)
        let written = events(.written, cluster)
        #expect(written > 0)
        for index in 0..<3 { try scratch.damage("tree/f\(index)", at: 7) }
        // Each data server decides about its own chunks of a split file.
        try scratch.write("tree/large", 5 * 65_536, seed: 8)
        let report = await stage(tree)
        #expect(report.failures.map(\.kind) == [.taken, .taken, .taken, .taken], "\(report.failures)")
        #expect(Set(report.failures.map(\.subject)).isSuperset(of: [Array("/tree/large".utf8)]), "\(report.failures)")
        #expect(report.moved == 0 && events(.written, cluster) == written, "\(report)")
    }

    @Test func checksumReadsAll() async throws {
        let tree = try makeTree()
        let cluster = try await start()
        defer { cluster.close() }
        expect(await cluster.put(tree))
        let read = reads(cluster)
        var options = StagingOptions()
        options.checksum = true
        expect(await cluster.run { [options] in await $0.put([Array(tree.utf8)], with: options) })
        #expect(reads(cluster) == read + 3)
    }

    @Test func aFileThatChangedInPlaceAndHasItsOldTimeIsSeen() async throws {
        let tree = try makeTree()
        let cluster = try await start()
        defer { cluster.close() }
        expect(await cluster.put(tree))
        try scratch.damage("tree/f1", at: 7)
        usleep(60_000)
        let report = await cluster.put(tree)
        #expect(report.failures.map(\.kind) == [.taken] && report.files == 2, "\(report)")
    }

    @Test func aFileThatAnotherWasRenamedOverIsSeen() async throws {
        let tree = try makeTree()
        let cluster = try await start()
        defer { cluster.close() }
        expect(await cluster.put(tree))
        try run("/bin/cp", "-p", scratch["tree/f1"], scratch["other"])
        try scratch.damage("other", at: 7)
        try run("/bin/mv", scratch["other"], scratch["tree/f1"])
        usleep(60_000)
        let report = await cluster.put(tree)
        #expect(report.failures.map(\.kind) == [.taken] && report.files == 2, "\(report)")
    }

    @Test func aFileThatChangedWithinTheMarginIsReadAgain() async throws {
        let tree = try makeTree()
        let cluster = try await start(margin: 60_000)
        defer { cluster.close() }
        expect(await cluster.put(tree))
        let read = reads(cluster)
        expect(await cluster.put(tree))
        #expect(reads(cluster) == read + 3)
    }

    @Test func whatWasTakenOutOfAStoreSinceIsBroughtAgain() async throws {
        let tree = try makeTree()
        let cluster = try await start()
        defer { cluster.close() }
        expect(await cluster.put(tree))
        try scratch.damage("store-n0/tree/f2", at: 3)
        #expect(await cluster.verify().report.exitStatus == 5)
        let read = reads(cluster)
        expect(await cluster.put(tree))
        #expect(reads(cluster) == read + 1)
        #expect(try differences(tree, scratch["store-n0/tree"], permissions: false).isEmpty)
    }

    @Test func whatIsWantedMoreOftenThanBeforeIsCopied() async throws {
        let tree = try makeTree()
        let cluster = try await start(["n0", "n1"])
        defer { cluster.close() }
        expect(await cluster.put(tree))
        expect(await cluster.bcast(tree))
        #expect(try differences(tree, scratch["store-n1/tree"], permissions: false).isEmpty)
        #expect(try await cluster.keepers(.of("/tree/f1")) == ["n0", "n1"])
    }

    @Test func anotherModeOrTimeIsPublished() async throws {
        let tree = try makeTree()
        let cluster = try await start()
        defer { cluster.close() }
        expect(await cluster.put(tree))
        #expect(chmod(scratch["tree/f0"], 0o600) == 0)
        try run("/bin/touch", "-d", "2001-02-03", scratch["tree/f1"])
        usleep(60_000)
        expect(await cluster.put(tree))
        #expect(try cluster.entry(.of("/tree/f0"))?.mode == 0o600)
        #expect(try differences(tree, scratch["store-n0/tree"], permissions: false).isEmpty)
    }
}
