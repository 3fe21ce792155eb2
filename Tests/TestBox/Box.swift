// A cluster in a box (bench/box/box.sh) for tests: hosts with a network, disk, processes and sshd of their own. A suite
// makes one for all its tests; it is gone when this process is, however that ends.

import Foundation
import Glibc
import Synchronization
import TestPrograms

public struct NoBox: Error {
    let program: String
    let reason: String

    public init(program: String, reason: String) {
        self.program = program
        self.reason = reason
    }
}

public final class Box: Sendable {
    private static let scripts =
        (#filePath as NSString).deletingLastPathComponent + "/../../bench/box/"
    private static let needed = [
        "/usr/sbin/sshd", "/usr/sbin/tc", "/usr/sbin/ip", "/usr/bin/ssh", "/usr/bin/unshare", "/usr/bin/nsenter",
    ]
    private static let variables = ["HOME=/root", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"]

    /// Why there can be none here; nil where there can. Said in a line for these tests.
    public static func obstacle(for tests: String, alsoNeeded programs: [String] = []) -> String? {
        let lacking = (needed + programs).filter { access($0, X_OK) != 0 }
        let reason: String? =
            if geteuid() != 0 {
                "a cluster in a box needs root"
            } else {
                lacking.isEmpty ? nil : "there is no \(lacking.joined(separator: ", "))"
            }
        if let reason { FileHandle.standardError.write(Data("\(tests) are skipped: \(reason)\n".utf8)) }
        return reason
    }

    /// Why a script that stands beside box.sh and needs no box fails; nil where it does not.
    public static func failure(of script: String, _ words: [String]) -> String? {
        let output = "/tmp/daft-box-script-\(UInt64.random(in: 0 ... .max))"
        defer { unlink(output) }
        let ended = try? Running(
            scripts + script, words, in: "/", variables: variables, input: "/dev/null", output: "/dev/null",
            errors: output
        ).wait(seconds: 60)
        return ended?.status == 0 ? nil : ended?.errors ?? "\(script) cannot be started"
    }

    public let hosts: Int
    /// The first three numbers of every host's address; two boxes at a time need two.
    private let network: String
    /// Everything of the box is below it.
    public let place = "/tmp/daft-box-test-\(UInt64.random(in: 0 ... .max))"
    /// Under this path all hosts, and this process, see the same.
    public var common: String { place + "/common" }
    /// What undoes all that hosts have been disturbed by.
    private let undoing = Mutex<Set<[String]>>([])

    /// With these built programs in what all hosts see.
    public init(hosts: Int, network: String, programs: [String]) throws {
        self.hosts = hosts
        self.network = network
        try FileManager.default.createDirectory(atPath: common, withIntermediateDirectories: true)
        try guardPlace()
        for program in programs {
            try FileManager.default.copyItem(atPath: builtProgram(program), toPath: "\(common)/\(program)")
        }
        try script("up", "\(hosts)", "0")
    }

    /// A process of its own session ends the box when this one is gone and the pipe has no writer any more.
    private func guardPlace() throws {
        let pipe = place + "/alive"
        guard mkfifo(pipe, 0o600) == 0, open(pipe, O_RDWR | O_CLOEXEC) >= 0 else {
            throw NoBox(program: pipe, reason: String(cString: strerror(errno)))
        }
        let guardian = try Running(
            "/usr/bin/setsid",
            [
                "-f", "bash", "-c", #"read -r _; "$0" down; rm -rf --one-file-system "$1""#, Box.scripts + "box.sh",
                place,
            ],
            in: "/", variables: Box.variables + ["BOX_DIR=\(place)/box"], input: pipe, output: "/dev/null",
            errors: "/dev/null")
        guard guardian.wait().status == 0 else { throw NoBox(program: "setsid", reason: "it failed") }
    }

    // MARK: the hosts

    /// Does what box.sh says of `words`; what it prints.
    @discardableResult
    public func script(_ words: String...) throws -> String { try run("box.sh", words) }

    /// Runs a script that stands beside box.sh, on this box; what it prints.
    @discardableResult
    public func run(_ script: String, _ words: [String] = [], seconds: Double = 60) throws -> String {
        let variables = [
            "BOX_DIR=\(place)/box", "BOX_SCRATCH=tmpfs", "BOX_BIND=\(common)", "BOX_NET=\(network)",
        ]
        let ended = try start(Box.scripts + script, words, variables: variables).wait(seconds: seconds)
        guard ended.status == 0 else {
            throw NoBox(program: "\(script) \(words.joined(separator: " "))", reason: ended.errors)
        }
        return ended.output
    }

    /// Starts a program on a host.
    public func start(_ words: [String], on host: Int, input: String = "/dev/null") throws -> Running {
        let inside = ["-t", "\(first(of: host))", "-n", "-m", "-u", "-i", "-p", "-r", "-w"]
        return try start("/usr/bin/nsenter", inside + words, variables: [], input: input)
    }

    /// Runs a line of shell on a host to its end.
    @discardableResult
    public func shell(_ line: String, on host: Int, seconds: Double = 30) throws -> Ended {
        try start(["bash", "-c", line], on: host).wait(seconds: seconds)
    }

    private func start(_ program: String, _ words: [String], variables: [String], input: String = "/dev/null") throws
        -> Running
    {
        let outputs = "\(place)/run-\(UInt64.random(in: 0 ... .max))"
        return try Running(
            program, words, in: "/", variables: Box.variables + variables, input: input, output: outputs + ".out",
            errors: outputs + ".err")
    }

    /// The first process of a host; the end of it is the end of the host.
    public func first(of host: Int) -> pid_t {
        let text = try? String(contentsOfFile: "\(place)/box/n\(host)/pid", encoding: .utf8)
        return text.flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    /// The process whose network is the switch: it sees what all hosts say.
    public var switchProcess: pid_t {
        let text = try? String(contentsOfFile: place + "/box/switch.pid", encoding: .utf8)
        return text.flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    public func address(of host: Int) -> String { "\(network).\(10 + host)" }

    /// A host's file, as it is to be opened here.
    public func path(_ path: String, on host: Int) -> String { "/proc/\(first(of: host))/root\(path)" }

    public func isUp(_ host: Int) -> Bool { access("/proc/\(first(of: host))/root/run/box-ready", F_OK) == 0 }

    /// Disturbs a host: `kill`, `cut`, `freeze`, `rate`, `starve`; or undoes that.
    public func disturb(_ host: Int, _ verb: String, _ words: String...) throws {
        let undo = [
            "kill": ["boot"], "cut": ["heal"], "freeze": ["thaw"], "rate": ["rate", "0"],
            "starve": ["rate", "0"],
        ][verb]
        if let undo { _ = undoing.withLock { $0.insert([undo[0], "\(host)"] + undo.dropFirst()) } }
        try run("box.sh", [verb, "\(host)"] + words)
    }

    /// All hosts up, whole and unhindered again.
    public func settle() throws {
        let all = undoing.withLock { undoing in
            defer { undoing = [] }
            return undoing
        }
        // A host is up before its link is set.
        for words in all.sorted(by: { $0[0] < $1[0] }) where words[0] != "boot" || !isUp(Int(words[1]) ?? 0) {
            try run("box.sh", words)
        }
    }

    /// The processes of `name` on a host, under the numbers that they have here.
    public func processes(_ name: String, on host: Int) -> [pid_t] {
        let own = namespace(of: first(of: host))
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.filter { process in
            let comm = try? String(contentsOfFile: "/proc/\(process)/comm", encoding: .utf8)
            return comm == name + "\n" && own != nil && namespace(of: process) == own && runs(process)
        }
    }

    private func namespace(of process: pid_t) -> String? {
        try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(process)/ns/pid")
    }

    /// Bytes that each host has sent and got.
    public func traffic() throws -> [(sent: Int, received: Int)] {
        try script("stat").split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            return (Int(words[2]) ?? 0, Int(words[4]) ?? 0)
        }
    }
}
