// Starting mpirun from a test: with an environment that does not say that we run under one already, with its output in
// files, for an inherited pipe can keep a suite waiting for ever, and with an end in any case.

import Foundation
import Glibc
import Testing

/// What a job came to.
struct Ended: CustomStringConvertible {
    let status: Int32
    let output: String
    let errors: String
    let seconds: Double

    var description: String { "status \(status) after \(seconds) s\n\(output)\n\(errors)" }
}

/// A running job; its whole process group ends with it.
final class Job {
    private static let stripped = ["PMIX_", "OMPI_", "ORTE_", "OPAL_", "DAFT_"]

    let pid: pid_t
    private let folder: String
    private let start = Date()

    /// mpirun with `ranks` processes of a program that was built beside the tests.
    init(_ ranks: Int, _ program: String, _ arguments: [String], mca: [String] = [], input: String? = nil) throws {
        folder = "/tmp/daft-job-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let line =
            ["mpirun", "--oversubscribe", "--bind-to", "none"] + mca
            + ["-np", "\(ranks)", Job.built(program)] + arguments
        try Data((input ?? "").utf8).write(to: URL(fileURLWithPath: folder + "/in"))
        pid = try Job.spawn(line, folder)
    }

    deinit {
        kill(-pid, SIGKILL)
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Waits for the end, and ends it at the limit.
    func end(withinSeconds limit: Double = 60) -> Ended {
        var status: Int32 = 0
        while waitpid(pid, &status, WNOHANG) == 0 {
            if Date().timeIntervalSince(start) > limit {
                Issue.record("the job did not end within \(limit) s: \(text("err"))")
                kill(-pid, SIGKILL)
                waitpid(pid, &status, 0)
                break
            }
            usleep(10_000)
        }
        let code = status & 0x7f == 0 ? (status >> 8) & 0xff : 128 + (status & 0x7f)
        return Ended(
            status: code, output: text("out"), errors: text("err"), seconds: Date().timeIntervalSince(start))
    }

    func signal(_ number: Int32) { kill(pid, number) }

    /// The processes of the job that run the program, in the order of their ranks.
    func ranks() -> [pid_t] {
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }) ?? []
        var ranks: [(Int, pid_t)] = []
        for process in all where isBelow(process) {
            guard let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") else { continue }
            let variables = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
            let mark = "OMPI_COMM_WORLD_RANK="
            if let rank = variables.first(where: { $0.hasPrefix(mark) }).flatMap({ Int($0.dropFirst(mark.count)) }) {
                ranks.append((rank, process))
            }
        }
        return ranks.sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func isBelow(_ process: pid_t) -> Bool {
        guard let text = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
        let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 && Int32(fields[1]) == pid
    }

    private func text(_ name: String) -> String {
        String(decoding: FileManager.default.contents(atPath: folder + "/" + name) ?? Data(), as: UTF8.self)
    }

    /// A program's file: it stands beside the bundle of the tests.
    static func built(_ program: String) -> String {
        let own = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
        let arguments = CommandLine.arguments.first { $0.contains(".build/") } ?? own
        let bundle = arguments.hasSuffix(".xctest") ? arguments : own
        return URL(fileURLWithPath: bundle).deletingLastPathComponent().appendingPathComponent(program).path
    }

    private static func spawn(_ line: [String], _ folder: String) throws -> pid_t {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        posix_spawn_file_actions_addopen(&actions, 0, folder + "/in", O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, folder + "/out", O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, folder + "/err", O_WRONLY | O_CREAT, 0o600)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        // The threads that tests run on have signals blocked, and a child would inherit that.
        var none = sigset_t()
        sigemptyset(&none)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK))
        var environment = ProcessInfo.processInfo.environment.filter { name, _ in
            !stripped.contains { name.hasPrefix($0) }
        }
        environment["OMPI_ALLOW_RUN_AS_ROOT"] = "1"
        environment["OMPI_ALLOW_RUN_AS_ROOT_CONFIRM"] = "1"
        environment["SWIFT_BACKTRACE"] = "enable=no"
        let variables = environment.map { strdup("\($0)=\($1)") } + [nil]
        let words = line.map { strdup($0) } + [nil]
        defer { for text in variables + words { free(text) } }
        var pid: pid_t = 0
        let code = posix_spawnp(&pid, line[0], &actions, &attributes, words, variables)
        guard code == 0 else { throw POSIXError(POSIXErrorCode(rawValue: code) ?? .ENOENT) }
        return pid
    }
}
