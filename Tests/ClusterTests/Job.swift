// A job under mpirun: its files are in a temporary directory, and no rank outlives the test.

import Foundation
import Glibc
import Testing
import TestPrograms

/// The result of a job.
struct JobEnd: CustomStringConvertible {
    let status: Int32
    let output: String
    let errors: String
    let seconds: Double

    var description: String { "status \(status) after \(seconds) s\n\(output)\n\(errors)" }
}

final class Job {
    private let folder: String
    private let mpirun: Running
    private let start = Date()

    /// mpirun with `ranks` processes of a program that was built beside the tests. `starter` starts each of them where
    /// mpirun does not itself; `surroundings` is a command that ends by executing mpirun, which follows it.
    init(
        _ ranks: Int, _ program: String, _ arguments: [String], mca: [String] = [], surroundings: [String] = [],
        starter: [String] = [], input: String = ""
    ) throws {
        folder = "/tmp/daft-job-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(input.utf8).write(to: URL(fileURLWithPath: folder + "/in"))
        let line =
            surroundings + ["/usr/bin/mpirun", "--oversubscribe", "--bind-to", "none"] + mca + ["-np", "\(ranks)"]
            + starter + [builtProgram(program)]
        mpirun = try Running(
            line[0], Array(line.dropFirst()) + arguments, in: folder,
            variables: [
                "HOME=\(folder)", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                "OMPI_MCA_btl_vader_backing_directory=\(folder)", "OMPI_MCA_orte_tmpdir_base=\(folder)",
            ],
            input: folder + "/in", output: folder + "/out", errors: folder + "/err")
    }

    deinit {
        for rank in ranks() { kill(rank, SIGKILL) }
        mpirun.end()
        try? FileManager.default.removeItem(atPath: folder)
    }

    /// Waits for the end; kills the job at the limit.
    func end(withinSeconds limit: Double = 60) -> JobEnd {
        let ended = mpirun.wait(seconds: limit)
        if ended.errors.hasPrefix("KILLED: ") {
            Issue.record("the job did not end within \(limit) s: \(ended.errors)")
        }
        return JobEnd(
            status: ended.status, output: ended.output, errors: ended.errors,
            seconds: Date().timeIntervalSince(start))
    }

    var hasEnded: Bool { mpirun.hasEnded }

    func signal(_ number: Int32) { mpirun.signal(number) }

    /// The processes of the ranks in order: mpirun's children.
    func ranks() -> [pid_t] {
        if mpirun.hasEnded { return [] }
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc").compactMap { pid_t($0) }) ?? []
        return all.filter(isChild).compactMap { process in rank(of: process).map { ($0, process) } }
            .sorted { $0.0 < $1.0 }.map(\.1)
    }

    private func isChild(_ process: pid_t) -> Bool {
        guard let text = FileManager.default.contents(atPath: "/proc/\(process)/stat") else { return false }
        let fields = String(decoding: text, as: UTF8.self).split(separator: ")").last?.split(separator: " ") ?? []
        return fields.count > 1 && pid_t(fields[1]) == mpirun.id
    }

    private func rank(of process: pid_t) -> Int? {
        let mark = "OMPI_COMM_WORLD_RANK="
        let environment = FileManager.default.contents(atPath: "/proc/\(process)/environ") ?? Data()
        let variables = environment.split(separator: 0).map { String(decoding: $0, as: UTF8.self) }
        return variables.first { $0.hasPrefix(mark) }.flatMap { Int($0.dropFirst(mark.count)) }
    }
}
