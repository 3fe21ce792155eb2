// Nothing outside of a tree is created, changed or published: with names and symlinks that lead out, and directories
// replaced by symlinks during operations.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(10))) struct EscapeTests {
    @Test func noNameAndNoSymlinkLeadsOut() throws {
        let fixture = try EscapeFixture()
        try fixture.shell(
            "mkdir set; ln -s \(fixture.outside) set/link; echo inside > file; ln -s \(fixture.outside) st/there")
        let before = fixture.seen
        for name in ["../../up", "/../up", "/a/../../up", "/./up", "/a//b", "..", "/.daft/x", "/.daft/lock"] {
            let put = try fixture.run("put file --as \(name)")
            #expect(put.status != 0, "\(name): \(put)")
        }
        #expect(try fixture.run("put set").status == 0)
        for name in ["/set/link/k0/f0", "/set/link", "/there/k0/f0", "/there/new", "/set/link/new/deeper"] {
            let put = try fixture.run("put file --as \(name)")
            #expect(put.status != 0, "\(name): \(put)")
            let bcast = try fixture.run("bcast file --as \(name)x")
            #expect(bcast.status != 0 || name == "/set/link", "\(name): \(bcast)")
        }
        // Entries in the target lead out, too.
        try fixture.shell(
            "mkdir -p out/tree; ln -s \(fixture.outside) out/tree/d; ln -s \(fixture.outside)/k0/f0 out/tree/f0")
        #expect(try fixture.run("put src --as /tree").status == 0)
        let get = try fixture.run("get /tree --to out")
        #expect([1, 4].contains(get.status), "\(get)")
        #expect(fixture.seen == before)
        #expect(fixture.leaks == [])
    }

    @Test func aDirectoryThatBecomesASymlinkMeanwhileLeadsNowhere() throws {
        let fixture = try EscapeFixture()
        let before = fixture.seen
        let seconds = Trials.areAll ? 60.0 : 5
        let deadline = Date().addingTimeInterval(seconds)
        var runs = 0
        var done = 0
        let swapper = try Swapper(fixture)
        defer { swapper.stop() }
        while Date() < deadline {
            let commands = (0..<4).flatMap { number -> [String] in
                let name = "/s\(runs)-\(number)"
                let get = "get \(name) --to out"
                return ["put src --as \(name)", get, "bcast \(name)", get, "bcast src --as \(name)b", get]
            }
            let ended = try fixture.run(commands)
            #expect((0...7).contains(ended.status), "\(ended)")
            done += ended.output.matches(of: #/ (published on|written to) /#).count
            runs += 1
        }
        swapper.stop()
        let changes = fixture.seen.filter { !before.contains($0) }
        #expect(changes == [], "what is outside has changed")
        #expect(fixture.leaks == [])
        #expect(swapper.swaps > 1_000 && done > 0)
        let escapes = changes.count + fixture.leaks.count
        let what = "\(swapper.swaps) swaps, \(runs * 24) commands, of which \(done) got somewhere"
        Trials.report("no way out", "\(Int(seconds)) s, \(what): \(escapes) escapes")
    }
}

/// Trees to publish, stores, targets, and an outside directory with files of the same names, sizes and times.
private final class EscapeFixture {
    static let files = 20
    static let bytes = 3_000
    static let mark = Data("OUTSIDE".utf8)
    let path = "/tmp/daft-escape-test-\(UInt64.random(in: 0 ... .max))"
    var outside: String { path + "/outside" }
    private var running: [Running] = []

    init() throws {
        for directory in ["st", "links"] {
            try FileManager.default.createDirectory(atPath: "\(path)/\(directory)", withIntermediateDirectories: true)
        }
        for number in 0..<EscapeFixture.files {
            // Each in its own directory, so that most paths avoid the one being exchanged.
            let name = "k\(number)/f\(number)"
            let rest = EscapeFixture.bytes - EscapeFixture.mark.count
            for directory in ["outside", "outside/deep"] {
                try write("\(directory)/\(name)", EscapeFixture.mark + noise(rest))
            }
            for directory in ["src/d", "src/e/deep"] { try write("\(directory)/\(name)", noise(EscapeFixture.bytes)) }
        }
        try write("src/f0", noise(9_000))
        try shell("touch -r src/f0 $(find outside src -type f); chmod 555 src/d src/e/deep; chmod 750 outside")
    }

    deinit {
        for one in running { one.end() }
        try? shell("chmod -R u+w .")
        try? FileManager.default.removeItem(atPath: path)
    }

    private func write(_ name: String, _ bytes: Data) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: url)
    }

    func shell(_ command: String) throws {
        let ended = try begin("/bin/sh", ["-c", command]).wait()
        try #require(ended.status == 0, "\(command): \(ended.errors)")
    }

    func run(_ commands: String...) throws -> Ended { try run(commands) }

    func run(_ commands: [String]) throws -> Ended {
        try write("job", Data((commands.joined(separator: "\n") + "\n").utf8))
        return try begin(builtProgram("daft-solo"), ["-np", "2", "--store", "st", "--chunk-size", "4K", "-f", "job"])
            .wait(seconds: 60)
    }

    private func begin(_ program: String, _ words: [String]) throws -> Running {
        let number = running.count
        let one = try Running(
            program, words, in: path, input: "/dev/null", output: "\(path)/.out\(number)",
            errors: "\(path)/.err\(number)")
        running.append(one)
        return one
    }

    /// The attributes of everything outside; any change changes a ctime.
    var seen: [String] {
        let names = FileManager.default.enumerator(atPath: outside)?.compactMap { $0 as? String } ?? []
        return (names + ["."]).sorted().map { name in
            var status = stat()
            lstat("\(outside)/\(name)", &status)
            let changed = status.st_ctim
            return "\(name) \(status.st_ino) \(status.st_size) \(changed.tv_sec).\(changed.tv_nsec)"
        }
    }

    /// Files in stores and targets with bytes from outside.
    var leaks: [String] {
        let all = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
        return all.filter { name in
            var status = stat()
            let file = "\(path)/\(name)"
            guard lstat(file, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { return false }
            let bytes = FileManager.default.contents(atPath: file)
            return !name.hasPrefix("outside") && bytes?.starts(with: EscapeFixture.mark) == true
        }
    }
}

/// Exchanges directories in use with symlinks to the outside as fast as possible, on three threads: for sources,
/// targets and stores.
private final class Swapper: @unchecked Sendable {
    private typealias Rename =
        @convention(c) (Int32, UnsafePointer<CChar>, Int32, UnsafePointer<CChar>, UInt32) -> Int32
    private static let exchange: UInt32 = 2
    private let path: String
    private let outside: String
    private let rename: Rename
    private let lock = NSLock()
    private var isStopped = false
    private var count = 0
    private let threads = DispatchGroup()

    var swaps: Int { lock.withLock { count } }

    init(_ fixture: EscapeFixture) throws {
        let symbol = try #require(dlsym(nil, "renameat2"))
        rename = unsafeBitCast(symbol, to: Rename.self)
        (path, outside) = (fixture.path, fixture.outside)
        swap("source") { ["src/d", "src/e/deep"] }
        swap("target") { ["out/d", "out/e/deep"] }
        swap("store") { [path] in
            ["st", "st.1"].flatMap { store in
                let names = (try? FileManager.default.contentsOfDirectory(atPath: "\(path)/\(store)")) ?? []
                let latest = names.filter { $0.hasPrefix("s") }.sorted {
                    $0.count == $1.count ? $0 < $1 : $0.count < $1.count
                }
                return latest.suffix(2).flatMap { ["\(store)/\($0)/d", "\(store)/\($0)/e/deep"] }
            }
        }
    }

    private func swap(_ name: String, _ places: @escaping @Sendable () -> [String]) {
        threads.enter()
        Thread.detachNewThread { [self] in
            while !lock.withLock({ isStopped }) {
                for directory in places() { swap(directory, by: "\(path)/links/\(name)") }
                usleep(.random(in: 0...200))
            }
            threads.leave()
        }
    }

    private func swap(_ directory: String, by link: String) {
        symlink(directory.hasSuffix("deep") ? outside + "/deep" : outside, link)
        guard rename(AT_FDCWD, "\(path)/\(directory)", AT_FDCWD, link, Swapper.exchange) == 0 else { return }
        usleep(.random(in: 0...300))
        _ = rename(AT_FDCWD, "\(path)/\(directory)", AT_FDCWD, link, Swapper.exchange)
        unlink(link)
        lock.withLock { count += 1 }
        usleep(.random(in: 0...200))
    }

    func stop() {
        lock.withLock { isStopped = true }
        threads.wait()
    }
}
