// Runs a built program like a user: a separate process with output to files and a timeout, killed by its id if the test
// ends first. It inherits neither the tests' environment nor their open files.

import Foundation
import Glibc

public struct Ended: Sendable {
    public let status: Int32
    public let output: String
    public let errors: String
}

public struct NotStarted: Error {
    public let program: String
    public let reason: String
}

public final class Running {
    private let process: pid_t
    private let outputs: [String]
    private var status: Int32?
    /// Of the process and its reaped children, once it has ended.
    public private(set) var processorSeconds = 0.0

    /// It leads a process group, so that its children are killed with it.
    public init(
        _ program: String, _ arguments: [String], in directory: String, variables: [String] = [], input: String,
        output: String, errors: String
    ) throws {
        outputs = [output, errors]
        var actions = posix_spawn_file_actions_t()
        var attributes = posix_spawnattr_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawnattr_init(&attributes)
        defer {
            posix_spawn_file_actions_destroy(&actions)
            posix_spawnattr_destroy(&attributes)
        }
        posix_spawn_file_actions_addopen(&actions, 0, input, O_RDONLY, 0)
        posix_spawn_file_actions_addopen(&actions, 1, output, O_WRONLY | O_CREAT, 0o600)
        posix_spawn_file_actions_addopen(&actions, 2, errors, O_WRONLY | O_CREAT, 0o600)
        keepOpenFiles()
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setpgroup(&attributes, 0)
        posix_spawnattr_setflags(
            &attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP))
        let env = "/usr/bin/env"
        let words = ([env, "-C", directory, program] + arguments).map { (text: String) in strdup(text) }
        let environment = (["PATH=/usr/bin:/bin", "SWIFT_BACKTRACE=enable=no", "LC_ALL=C"] + variables).map {
            (text: String) in strdup(text)
        }
        defer { for word in words + environment { free(word) } }
        var process = pid_t()
        let code = posix_spawn(&process, env, &actions, &attributes, words + [nil], environment + [nil])
        if code != 0 { throw NotStarted(program: program, reason: String(cString: strerror(code))) }
        self.process = process
    }

    public var id: pid_t { process }

    public func signal(_ number: Int32) { kill(process, number) }

    /// Waits for its end; after `seconds` kills its group.
    public func wait(seconds: Double = 30) -> Ended {
        let deadline = Date().addingTimeInterval(seconds)
        while !hasEnded {
            if Date() > deadline {
                end()
                return Ended(status: -SIGKILL, output: text(outputs[0]), errors: "KILLED: " + text(outputs[1]))
            }
            usleep(5_000)
        }
        return Ended(status: status ?? -1, output: text(outputs[0]), errors: text(outputs[1]))
    }

    /// Waits until `condition` holds or the process has ended.
    public func wait(until condition: () -> Bool) {
        let deadline = Date().addingTimeInterval(20)
        while !hasEnded, Date() < deadline, !condition() { usleep(2_000) }
    }

    public func end() {
        if hasEnded { return }
        kill(-process, SIGKILL)
        var raw: Int32 = 0
        waitpid(process, &raw, 0)
        status = -SIGKILL
    }

    public var hasEnded: Bool {
        if status != nil { return true }
        var (raw, usage): (Int32, rusage) = (0, rusage())
        guard wait4(process, &raw, WNOHANG, &usage) == process else { return false }
        for time in [usage.ru_utime, usage.ru_stime] {
            processorSeconds += Double(time.tv_sec) + Double(time.tv_usec) / 1e6
        }
        status = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
        return true
    }
}

/// Makes this process's open files close-on-exec.
private func keepOpenFiles() {
    for name in (try? FileManager.default.contentsOfDirectory(atPath: "/proc/self/fd")) ?? [] {
        if let file = Int32(name), file > STDERR_FILENO { _ = fcntl(file, F_SETFD, FD_CLOEXEC) }
    }
}

private func text(_ path: String) -> String {
    String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data(), as: UTF8.self)
}

/// A program built with the tests, beside their bundle.
public func builtProgram(_ name: String) -> String {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().path + "/" + name
}
