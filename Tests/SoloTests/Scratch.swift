// A temporary directory for one test of daft-solo, which it runs like a user.

import Foundation
import Testing
import TestPrograms

/// A temporary directory that contains the stores.
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

    /// Bytes without equal chunks.
    func writeNoise(_ name: String, count: Int) throws {
        let noise = try FileHandle(forReadingFrom: URL(fileURLWithPath: "/dev/urandom"))
        try write(name, noise.read(upToCount: count) ?? Data())
    }

    /// Starts `daft-solo ARGUMENTS` in this directory, with two data servers.
    func start(_ arguments: [String], input: String = "/dev/null", output: String? = nil) throws -> Running {
        try start(
            program: builtProgram("daft-solo"), ["-np", "2", "--store", "st"] + arguments, input: input, output: output)
    }

    func start(
        program: String, _ arguments: [String], input: String = "/dev/null", output: String? = nil
    ) throws -> Running {
        let running = try Running(
            program, arguments, in: path, input: input,
            output: output ?? "\(path)/.out\(started.count)", errors: "\(path)/.err\(started.count)")
        started.append(running)
        return running
    }

    func run(_ arguments: String..., input: String = "/dev/null") throws -> Ended {
        try start(arguments, input: input).wait()
    }
}
