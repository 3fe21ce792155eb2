// After ten seconds the nodes waited for are reported, and waiting loses nothing: with a hanging disk, and with a
// blocked reader of standard output.

import Foundation
import Glibc
import Testing
import TestPrograms

/// Why a filesystem cannot be mounted here; nil if it can.
private let obstacle: String? = {
    let programs = ["/usr/sbin/mkfs.ext4", "/usr/sbin/fsfreeze", "/usr/bin/mount"]
    let lacking = programs.filter { access($0, X_OK) != 0 }
    if geteuid() != 0 { return "it needs root" }
    if access("/dev/loop-control", F_OK) != 0 { return "there are no loop devices" }
    return lacking.isEmpty ? nil : "there is no \(lacking.joined(separator: ", "))"
}()

@Suite struct AwaitedTests {
    @Test(.enabled(if: obstacle == nil, "no file system to freeze: \(obstacle ?? "")"))
    func aDiskThatHangsIsNamedAndTheCommandGoesOnWhenItIsOver() throws {
        let disk = try Disk()
        disk.type("status\n")
        let isThere = try soon { try !disk.output().isEmpty }
        #expect(isThere)
        try disk.freeze()
        disk.type("put f\n")
        let isSaid = try soon(seconds: 20) { try disk.errors().contains("nothing has moved for 10 s") }
        #expect(isSaid && !disk.daft.hasEnded)
        let line = try disk.errors().split(separator: "\n").first { $0.contains("waited for") } ?? ""
        #expect(line.hasPrefix("daft: standard input:2: put: warning: "), "\(line)")
        try disk.thaw()
        disk.type(nil)
        let ended = disk.daft.wait()
        #expect(ended.status == 0 && ended.output.contains("/f: 1 file"), "\(ended)")
    }

    @Test func aReaderThatTakesNothingIsNamedAndGetsAllWhenItReads() throws {
        let scratch = try PromiseScratch()
        let bytes = try noise(3_000_000)
        try bytes.write(to: URL(fileURLWithPath: scratch.path + "/f"))
        try "put f\ncat /f\n".write(toFile: scratch.path + "/job", atomically: true, encoding: .utf8)
        let reading = "'\(builtProgram("daft-solo"))' --store s --quiet <job 2>errors | (sleep 11; cat >copy)"
        let shell = try Running(
            "/bin/bash", ["-c", "set -o pipefail; " + reading], in: scratch.path, input: "/dev/null",
            output: scratch.path + "/out", errors: scratch.path + "/err")
        defer { shell.end() }
        #expect(shell.wait().status == 0)
        let errors = try String(contentsOfFile: scratch.path + "/errors", encoding: .utf8)
        #expect(errors == "daft: whoever reads standard output has taken nothing for 10 s, and is waited for\n")
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch.path + "/copy")) == bytes)
    }
}

/// A temporary directory.
private final class PromiseScratch {
    let path = "/tmp/daft-waiting-\(UInt64.random(in: 0 ... .max))"

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }

    deinit { try? FileManager.default.removeItem(atPath: path) }
}

/// A daft with stores on a separate filesystem, which reads typed commands; removed after the test.
private final class Disk {
    let daft: Running
    private let scratch: PromiseScratch
    private var keyboard: Int32
    private var isFrozen = false

    init() throws {
        let scratch = try PromiseScratch()
        self.scratch = scratch
        let path = scratch.path
        try noise(3_000_000).write(to: URL(fileURLWithPath: path + "/f"))
        try run("truncate -s 100M image && mkfs.ext4 -q image && mkdir disk && mount -o loop image disk", in: path)
        mkfifo(path + "/keyboard", 0o600)
        keyboard = open(path + "/keyboard", O_RDWR | O_CLOEXEC)
        daft = try Running(
            builtProgram("daft-solo"), ["--store", path + "/disk/s"], in: path, input: path + "/keyboard",
            output: path + "/daft.out", errors: path + "/daft.err")
    }

    deinit {
        try? thaw()
        daft.end()
        type(nil)
        try? run("umount disk", in: scratch.path)
    }

    func freeze() throws {
        try run("fsfreeze --freeze disk", in: scratch.path)
        isFrozen = true
    }

    func thaw() throws {
        if !isFrozen { return }
        isFrozen = false
        try run("fsfreeze --unfreeze disk", in: scratch.path)
    }

    /// Nil: end of input.
    func type(_ line: String?) {
        if let line {
            _ = write(keyboard, line, line.utf8.count)
        } else if keyboard >= 0 {
            close(keyboard)
            keyboard = -1
        }
    }

    func output() throws -> String { try String(contentsOfFile: scratch.path + "/daft.out", encoding: .utf8) }

    func errors() throws -> String { try String(contentsOfFile: scratch.path + "/daft.err", encoding: .utf8) }
}

private func run(_ line: String, in directory: String) throws {
    let ended = try Running(
        "/bin/bash", ["-c", line], in: directory, variables: ["PATH=/usr/sbin:/usr/bin:/sbin:/bin"],
        input: "/dev/null", output: directory + "/shell.out", errors: directory + "/shell.err"
    ).wait()
    try #require(ended.status == 0, "\(line): \(ended.errors)")
}
