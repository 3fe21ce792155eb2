// A simulated cluster (bench/box/box.sh) for tests: hosts with separate network, disk, processes and sshd. A suite
// shares one; it is removed when this process ends in any way.

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

    /// Why no box can be created here, as a one-line message; nil if it can.
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

    /// Why a script beside box.sh, which needs no box, fails; nil if it succeeds.
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
    /// The first three numbers of all host addresses; concurrent boxes need different ones.
    private let network: String
    /// All files of the box are below it.
    public let place = "/tmp/daft-box-test-\(UInt64.random(in: 0 ... .max))"
    /// A directory that all hosts and this process share.
    public var common: String { place + "/common" }
    /// The commands that undo current disturbances.
    private let undoing = Mutex<Set<[String]>>([])

    /// `programs`: built programs to place where all hosts see them.
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

    /// A separate session removes the box when this process, the pipe's only writer, has ended.
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

    // MARK: hosts

    /// Runs a box.sh command; returns its output.
    @discardableResult
    public func script(_ words: String...) throws -> String { try run("box.sh", words) }

    /// Runs a script beside box.sh on this box; returns its output.
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

    /// Runs a shell command on a host to its end.
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

    /// The init process of a host, whose end is the host's.
    public func first(of host: Int) -> pid_t {
        let text = try? String(contentsOfFile: "\(place)/box/n\(host)/pid", encoding: .utf8)
        return text.flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    /// The process in the switch's network namespace, which sees all traffic.
    public var switchProcess: pid_t {
        let text = try? String(contentsOfFile: place + "/box/switch.pid", encoding: .utf8)
        return text.flatMap { pid_t($0.trimmingCharacters(in: .whitespacesAndNewlines)) } ?? 0
    }

    public func address(of host: Int) -> String { "\(network).\(10 + host)" }

    /// The path of a host's file from here.
    public func path(_ path: String, on host: Int) -> String { "/proc/\(first(of: host))/root\(path)" }

    public func isUp(_ host: Int) -> Bool { access("/proc/\(first(of: host))/root/run/box-ready", F_OK) == 0 }

    /// Disturbs a host (`kill`, `cut`, `freeze`, `rate`, `starve`), or undoes that.
    public func disturb(_ host: Int, _ verb: String, _ words: String...) throws {
        let undo = [
            "kill": ["boot"], "cut": ["heal"], "freeze": ["thaw"], "rate": ["rate", "0"],
            "starve": ["rate", "0"],
        ][verb]
        if let undo { _ = undoing.withLock { $0.insert([undo[0], "\(host)"] + undo.dropFirst()) } }
        try run("box.sh", [verb, "\(host)"] + words)
    }

    /// Undoes all disturbances, so that every host is up.
    public func settle() throws {
        let all = undoing.withLock { undoing in
            defer { undoing = [] }
            return undoing
        }
        // A host must be up before its link is configured.
        for words in all.sorted(by: { $0[0] < $1[0] }) where words[0] != "boot" || !isUp(Int(words[1]) ?? 0) {
            try run("box.sh", words)
        }
    }

    /// The processes called `name` on a host, as pids of this namespace.
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

    /// Bytes sent and received by each host.
    public func traffic() throws -> [(sent: Int, received: Int)] {
        try script("stat").split(separator: "\n").map { line in
            let words = line.split(separator: " ")
            return (Int(words[2]) ?? 0, Int(words[4]) ?? 0)
        }
    }
}
