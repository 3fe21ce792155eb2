// The job files of jobs/ do what their comments say, unmodified, on three nodes.

import Foundation
import TestBox
import Testing
import TestPrograms

extension SchedulerTests {
    @Suite(.enabled(if: boxObstacle == nil, "needs root"))
    final class JobFileTests {
        private let desk: Desk
        private let store = "/scratch/job-file"
        private let large: Data

        init() throws {
            desk = try Desk(try clusterBox.get())
            large = try noise(9_000_000)
            try desk.write("hosts", "n1\nn2\nn3\n")
            try desk.write("model.bin", "model")
            try desk.write("set/index", "index")
            try desk.write("set/deep/large", large)
            for host in 1...3 {
                _ = try desk.box.shell("install -d -o ana \(store) \(store).mds", on: host)
            }
        }

        deinit {
            for host in 1...3 { _ = try? desk.box.shell("rm -rf \(store)*", on: host) }
        }

        private func run(_ file: String) throws -> Ended {
            let path = try desk.script("jobs/" + file)
            let launch = ["daft-run", "--launch", "--hostfile", "hosts", "--store", store]
            return try desk.start(launch + ["-f", path], on: 1).wait(seconds: 30)
        }

        private func kept(_ path: String, on host: Int) -> Data? {
            FileManager.default.contents(atPath: desk.box.path("\(store)/\(path)", on: host))
        }

        @Test func broadcast() throws {
            let ended = try run("broadcast.daft")
            #expect(ended.status == 0 && ended.output.contains("/models"), "\(ended)")
            for host in 1...3 {
                #expect(kept("set/deep/large", on: host) == large && kept("set/index", on: host) == Data("index".utf8))
                #expect(kept("models/current", on: host) == Data("model".utf8))
            }
        }

        @Test func spread() throws {
            let ended = try run("spread.daft")
            #expect(ended.status == 0, "\(ended)")
            #expect(!(1...3).contains { kept("set/deep/large", on: $0) != nil }, "no node has all of it")
            for host in 1...3 { #expect(kept("index", on: host) == Data("index".utf8)) }
        }

        @Test func publishAndFetch() throws {
            let ended = try run("publish-and-fetch.daft")
            #expect(ended.status == 0 && ended.output.hasSuffix("index"), "\(ended)")
            #expect((1...3).count { kept("set/deep/large", on: $0) == large } == 2)
            #expect(FileManager.default.contents(atPath: desk["copy/deep/large"]) == large)
        }

        @Test func verify() throws {
            let file = store + "/set/index"
            // Emulates bit rot: size, time and inode stay the same.
            let spoiling = """
                cp -p \(file) /tmp/before && chmod u+w \(file) && printf other | dd of=\(file) conv=notrunc &&
                chmod u-w \(file) && touch -r /tmp/before \(file)
                """
            #expect(try run("broadcast.daft").status == 0)
            #expect(try desk.box.shell(spoiling, on: 2).status == 0)
            let ended = try run("verify.daft")
            #expect(ended.status == 0 && ended.output.contains("1 corrupt chunk, 1 repaired"), "\(ended)")
            #expect(kept("set/index", on: 2) == Data("index".utf8), "\(ended)")
        }

        @Test func results() throws {
            for host in 1...3 {
                let line = "cd \(store) && install -d -o ana out logs && echo \(host) | tee out/x >logs/\(host)"
                #expect(try desk.box.shell(line, on: host).status == 0)
            }
            let ended = try run("results.daft")
            #expect(ended.status == 0, "\(ended)")
            for host in 1...3 {
                #expect(desk.text("results/n\(host)/out/x") == "\(host)\n", "\(ended)")
                #expect(desk.text("results/logs/\(host)") == "\(host)\n", "\(ended)")
            }
        }

        @Test func archive() throws {
            try desk.run("tar", "-cf", "set.tar", "set")
            let ended = try run("archive.daft")
            #expect(ended.status == 0, "\(ended)")
            for host in 1...3 { #expect(kept("set/deep/large", on: host) == large) }
            #expect(!desk.has("unpacked"))
        }

        @Test func noneOfThemIsLeftOut() throws {
            let folder = (#filePath as NSString).deletingLastPathComponent + "/../../jobs"
            let files = try FileManager.default.contentsOfDirectory(atPath: folder).filter { $0.hasSuffix(".daft") }
            let tested = ["archive", "broadcast", "publish-and-fetch", "results", "spread", "verify"]
            #expect(files.sorted() == tested.map { $0 + ".daft" })
        }
    }
}
