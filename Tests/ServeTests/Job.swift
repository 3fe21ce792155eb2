// A serving daft-run job with a metadata server and two data servers under mpirun, and its clients.

import Foundation
import Glibc
import Testing
import TestPrograms

final class Job {
    let path = "/tmp/daft-serve-test-\(UInt64.random(in: 0 ... .max))"
    private var mpirun: Running?
    private var clients: [Running] = []
    private var runs = 0

    let store: String

    init(store: String = "store") throws {
        self.store = path + "/" + store
        try FileManager.default.createDirectory(atPath: path + "/here/sub", withIntermediateDirectories: true)
    }

    deinit {
        for client in clients { client.end() }
        endRanks()
        mpirun?.end()
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Starts the job; returns when every door is open. `account`: a prefix that switches users.
    func serve(as account: [String] = ["/usr/bin/env"]) throws {
        runs += 1
        let running = try Running(
            account[0],
            account.dropFirst() + [
                "/usr/bin/mpirun", "--oversubscribe", "--bind-to", "none", "-np", "3", builtProgram("daft-run"),
                "serve",
            ],
            in: path,
            variables: [
                "DAFT_STORE=\(store)", "TMPDIR=/tmp", "HOME=\(path)", "OMPI_ALLOW_RUN_AS_ROOT=1",
                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
            ],
            input: "/dev/null", output: "\(path)/.job\(runs).out", errors: "\(path)/.job\(runs).err")
        mpirun = running
        running.wait { said.contains("serving") }
        try #require(said.contains("serving 2 data servers"), "\(said)")
    }

    /// The job's output so far.
    var said: String {
        let url = URL(fileURLWithPath: "\(path)/.job\(runs).err")
        return String(decoding: (try? Data(contentsOf: url)) ?? Data(), as: UTF8.self)
    }

    func ended(seconds: Double = 30) throws -> Ended { try #require(mpirun).wait(seconds: seconds) }

    /// Starts a client in the directory `here`, or below it.
    func start(
        _ arguments: [String], below: String = "", at store: String? = nil, input: String = "/dev/null",
        output: String? = nil
    ) throws -> Running {
        let client = try Running(
            builtProgram("daft"), arguments, in: path + "/here" + below,
            variables: ["DAFT_STORE=\(store ?? self.store)"], input: input,
            output: output ?? "\(path)/.out\(clients.count)", errors: "\(path)/.err\(clients.count)")
        clients.append(client)
        return client
    }

    func daft(_ arguments: String..., below: String = "", at store: String? = nil) throws -> Ended {
        try start(arguments, below: below, at: store).wait()
    }

    // MARK: files in the directory `here`

    func write(_ name: String, _ bytes: Data) throws {
        let url = URL(fileURLWithPath: "\(path)/here/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: url)
    }

    func bytes(_ name: String) throws -> Data { try Data(contentsOf: URL(fileURLWithPath: "\(path)/here/\(name)")) }

    func has(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/here/\(name)") }

    // MARK: ranks

    /// The rank processes, from the locks of their stores.
    var dataServers: [pid_t] {
        ["", ".1"].compactMap { suffix in
            let text = try? String(contentsOfFile: "\(store)\(suffix)/.daft/lock", encoding: .utf8)
            return text?.split(separator: " ").first.flatMap { pid_t($0) }
        }
    }

    /// mpirun's children lead process groups and must not outlive the test if mpirun is killed.
    private func endRanks() {
        guard let mpirun, !mpirun.hasEnded else { return }
        for rank in dataServers { kill(rank, SIGKILL) }
    }
}

/// Descriptors and threads of a process.
func footprint(of process: pid_t) -> (descriptors: Int, threads: Int) {
    func count(_ name: String) -> Int {
        (try? FileManager.default.contentsOfDirectory(atPath: "/proc/\(process)/\(name)").count) ?? 0
    }
    return (count("fd"), count("task"))
}

func residentBytes(of process: pid_t) -> Int {
    let text = (try? String(contentsOfFile: "/proc/\(process)/statm", encoding: .utf8)) ?? ""
    return (text.split(separator: " ").dropFirst().first.flatMap { Int($0) } ?? 0) * 4096
}
