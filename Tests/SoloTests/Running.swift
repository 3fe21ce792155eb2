// Runs the built daft-solo as a user does: a process of its own, output to files, a time limit, and killed by its id
// when the test ends before it does.

import Foundation
import Glibc
import Testing

/// A directory for one test, with the stores in it; removed at its end.
final class Scratch {
    let path = "/tmp/daft-solo-test-\(UInt64.random(in: 0 ... .max))"
    private var started: [Running] = []

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true) }

    deinit {
        for running in started { running.end() }
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ name: String, _ bytes: some Sequence<UInt8>) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try Data(bytes).write(to: url)
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/\(name)")) }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    /// Bytes of which no chunk equals another.
    func writeNoise(_ name: String, count: Int) throws {
        let noise = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom"))
        try write(name, noise.read(upToCount: count) ?? Data())
    }

    /// Starts `daft-solo ARGUMENTS` in this directory, with two data servers.
    func start(_ arguments: [String], input: String = "/dev/null", output: String? = nil) throws -> Running {
        let running = try Running(
            program, ["-np", "2", "--store", "st"] + arguments, in: path, input: input,
            output: output ?? "\(path)/.out\(started.count)", errors: "\(path)/.err\(started.count)")
        started.append(running)
        return running
    }

    func run(_ arguments: String..., input: String = "/dev/null") throws -> Ended {
        try start(arguments, input: input).wait()
    }
}

struct Ended {
    let status: Int32
    let output: String
    let errors: String
}

final class Running {
    private let process: pid_t
    private let outputs: [String]
    private var status: Int32?

    init(
        _ program: String, _ arguments: [String], in directory: String, input: String, output: String, errors: String
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
        var (none, all) = (sigset_t(), sigset_t())
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let env = "/usr/bin/env"
        let words = ([env, "-C", directory, program] + arguments).map { (text: String) in strdup(text) }
        let variables = ["PATH=/usr/bin:/bin", "SWIFT_BACKTRACE=enable=no", "LC_ALL=C"].map { (text: String) in
            strdup(text)
        }
        defer { for word in words + variables { free(word) } }
        var process = pid_t()
        let code = posix_spawn(&process, env, &actions, &attributes, words + [nil], variables + [nil])
        try #require(code == 0, "\(program): \(String(cString: strerror(code)))")
        self.process = process
    }

    var id: pid_t { process }

    func signal(_ number: Int32) { kill(process, number) }

    /// Its end; after `seconds` it is killed, and that is a failure.
    func wait(seconds: Double = 30) -> Ended {
        let deadline = Date().addingTimeInterval(seconds)
        while !hasEnded {
            if Date() > deadline {
                Issue.record("still running after \(seconds) s; said: \(text(outputs[1]))")
                end()
            }
            usleep(5_000)
        }
        return Ended(status: status ?? -1, output: text(outputs[0]), errors: text(outputs[1]))
    }

    /// Waits until `condition` is true or the process has ended.
    func wait(until condition: () -> Bool) {
        let deadline = Date().addingTimeInterval(20)
        while !hasEnded, Date() < deadline, !condition() { usleep(2_000) }
    }

    func end() {
        if hasEnded { return }
        kill(process, SIGKILL)
        var raw: Int32 = 0
        waitpid(process, &raw, 0)
        status = -SIGKILL
    }

    private var hasEnded: Bool {
        if status != nil { return true }
        var raw: Int32 = 0
        guard waitpid(process, &raw, WNOHANG) == process else { return false }
        status = raw & 0x7f == 0 ? raw >> 8 & 0xff : -(raw & 0x7f)
        return true
    }
}

private func text(_ path: String) -> String {
    String(decoding: (try? Data(contentsOf: URL(fileURLWithPath: path))) ?? Data(), as: UTF8.self)
}

/// daft-solo stands beside the bundle of the tests.
private let program: String = {
    let bundle = CommandLine.arguments.first { $0.hasSuffix(".xctest") } ?? CommandLine.arguments[0]
    return URL(fileURLWithPath: bundle).deletingLastPathComponent().path + "/daft-solo"
}()
