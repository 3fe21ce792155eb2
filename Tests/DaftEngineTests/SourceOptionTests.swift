// Source options of put, bcast and diffuse: links, patterns, lists, and standard input.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import Foundation
import Glibc
import Synchronization
import Testing

@testable import DaftEngine

@Suite struct SourceOptionTests {
    private let scratch: Scratch

    init() throws { scratch = try Scratch() }

    private func put(
        _ cluster: Cluster, _ path: String, set: (inout StagingOptions) -> Void = { _ in }, preview: Preview? = nil
    ) async -> Report {
        var options = StagingOptions()
        set(&options)
        return await cluster.run { [options] in
            await $0.put([Array(path.utf8)], at: "n1", with: options, preview: preview)
        }
    }

    private func leftovers() throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: scratch.path).filter { $0.hasPrefix("stdin-") }
    }

    private func names(_ cluster: Cluster) throws -> [String] {
        try cluster.stations[0].catalogue.below(.root, after: nil, limit: 100).map(\.name.description)
    }

    @Test func linksAreFollowedWhereThatIsWanted() async throws {
        try scratch.write("elsewhere/f", 5_000, seed: 3)
        try scratch.write("tree/a", 100)
        for (target, link) in [("../elsewhere", "tree/d"), ("../elsewhere/f", "tree/l"), ("a", "tree/b")] {
            #expect(symlink(target, scratch[link]) == 0)
        }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let report = await put(cluster, scratch["tree"]) { $0.dereference = true }
        #expect(report.failures.isEmpty && report.warnings.isEmpty && report.files == 4, "\(report)")
        #expect(try names(cluster) == ["/tree", "/tree/a", "/tree/b", "/tree/d", "/tree/d/f", "/tree/l"])
        #expect(try scratch.read("store-n1/tree/d/f") == scratch.read("elsewhere/f"))
        #expect(try scratch.read("store-n1/tree/l") == scratch.read("elsewhere/f"))
    }

    @Test func aLinkWithoutAnEndIsRefusedAndTheRestIsStaged() async throws {
        try scratch.write("tree/sub/a", 100)
        #expect(symlink("..", scratch["tree/sub/up"]) == 0 && symlink("gone", scratch["tree/nowhere"]) == 0)
        #expect(symlink("round", scratch["tree/round"]) == 0)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let report = await put(cluster, scratch["tree"]) { $0.dereference = true }
        let refused = report.failures.map { shown($0.subject) }.sorted()
        #expect(refused == ["nowhere", "round", "sub/up"].map { scratch["tree/\($0)"] })
        #expect(report.failures.contains { $0.reason.contains("is a symlink to \(scratch["tree"]), above it") })
        #expect(try names(cluster) == ["/tree", "/tree/sub", "/tree/sub/a"])
    }

    @Test func linksThatLeadOutAreCountedAndTheFirstIsNamed() async throws {
        try scratch.write("tree/a", 100)
        for (target, link) in [("/etc/hosts", "b"), ("../x", "c"), ("a", "d")] {
            #expect(symlink(target, scratch["tree/\(link)"]) == 0)
        }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        for _ in 1...2 {
            let report = await put(cluster, scratch["tree"])
            #expect(report.failures.isEmpty && report.warnings.count == 1, "\(report)")
            let reason = report.warnings.first?.reason ?? ""
            #expect(reason.hasPrefix("2 symlinks lead out of it, the first: b → /etc/hosts;"), "\(reason)")
            #expect(reason.contains("--dereference"))
        }
    }

    @Test func whatIsExcludedIsNotLookedAt() async throws {
        for path in ["a.c", "a.o", "deep/b.o", "deep/b.c", ".git/x"] { try scratch.write("tree/\(path)", 100) }
        #expect(symlink("deep", scratch["tree/.git/deep"]) == 0)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let report = await put(cluster, scratch["tree"]) {
            let rules = [(true, "/deep/b.o"), (false, "*.o"), (false, ".git/")]
            $0.rules = PathRules(rules.map { PathRules.Rule(Array($1.utf8), includes: $0) })
        }
        #expect(report.failures.isEmpty && report.files == 3, "\(report)")
        #expect(try names(cluster) == ["/tree", "/tree/a.c", "/tree/deep", "/tree/deep/b.c", "/tree/deep/b.o"])
    }

    @Test func onlyWhatAListNamesIsStaged() async throws {
        for path in ["a", "b", "deep/c", "deep/d", "other/e"] { try scratch.write("tree/\(path)", 100) }
        try Data("b\n\ndeep/c\nother\ngone\n".utf8).write(to: URL(fileURLWithPath: scratch["list"]))
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let list = Array(scratch["list"].utf8)
        let report = await put(cluster, scratch["tree"]) { $0.filesFrom = list }
        #expect(report.failures.map(\.kind) == [.missing] && report.files == 2, "\(report)")
        #expect(report.failures.first.map { shown($0.subject) } == scratch["tree/gone"])
        #expect(try names(cluster) == ["/tree", "/tree/b", "/tree/deep", "/tree/deep/c", "/tree/other"])
    }

    @Test func aDryRunNamesWhatIsNewAndRecordsNothing() async throws {
        for path in ["a", "deep/c"] { try scratch.write("tree/\(path)", 100, seed: 7) }
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        #expect(await put(cluster, scratch["tree"]).files == 2)
        try scratch.write("tree/deep/new", 300)
        let (state, seen) = (cluster.state, Mutexed<[String]>([]))
        let report = await put(cluster, scratch["tree"], preview: { seen.set(seen.value + $0.map(\.name.description)) })
        #expect(seen.value == ["/tree/deep/new"])
        #expect(report.failures.isEmpty && report.files == 1 && report.bytes == 300 && report.moved == 0, "\(report)")
        #expect(cluster.state == state && !scratch.exists("store-n1/tree/deep/new"))
    }

    /// Another process whose standard input a test writes.
    private final class Reader {
        private let process = Process()
        let pipe = Pipe()
        var input: [UInt8] { Array("/proc/\(process.processIdentifier)/fd/0".utf8) }

        init() throws {
            process.executableURL = URL(fileURLWithPath: "/bin/sleep")
            process.arguments = ["100"]
            process.standardInput = pipe
            try process.run()
        }

        func end() {
            kill(process.processIdentifier, SIGKILL)
            process.waitUntilExit()
        }
    }

    @Test func standardInputOfAnotherProcessIsPublishedWhenItHasEnded() async throws {
        let reader = try Reader()
        defer { reader.end() }
        let (input, pipe) = (reader.input, reader.pipe)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let name = try Name("/in")
        let bytes = pseudorandom(300_000, 5)
        Thread.detachNewThread {
            for start in stride(from: 0, to: bytes.count, by: 60_000) {
                try? pipe.fileHandleForWriting.write(contentsOf: Data(bytes[start..<start + 60_000]))
                usleep(30_000)
            }
            try? pipe.fileHandleForWriting.close()
        }
        let report = await cluster.run { await $0.put([input], at: "n1", as: name) }
        #expect(report.failures.isEmpty && report.bytes == 300_000, "\(report)")
        #expect(try scratch.read("store-n1/in") == bytes)
        #expect(try leftovers().isEmpty)
    }

    @Test func whatIsStoppedBeforeStandardInputEndsIsNotPublished() async throws {
        let reader = try Reader()
        defer { reader.end() }
        let (input, pipe) = (reader.input, reader.pipe)
        let cluster = try await scratch.cluster(["n0", "n1"])
        defer { cluster.close() }
        let name = try Name("/in")
        try pipe.fileHandleForWriting.write(contentsOf: Data([1, 2, 3]))
        let station = cluster.stations[0]
        let task = station.loop.start { await Session(at: station).put([input], at: "n1", as: name) }
        try await Task.sleep(for: .milliseconds(200))
        task.cancel()
        let report = await station.loop.finished(task)
        #expect(report.failures.map(\.kind) == [.stopped], "\(report)")
        #expect(try cluster.entry(name) == nil)
        #expect(try leftovers().isEmpty)
    }
}
