// A temporary directory in which built programs run with a PATH that contains them.

import Foundation
import Glibc
import TestPrograms

final class ReadmeScratch {
    /// Short, since Open MPI creates sockets below it.
    let path = "/tmp/daft-readme-\(UInt32.random(in: 0 ... .max))"
    private var runs: [Running] = []

    init() throws { try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: false) }

    deinit {
        for run in runs { run.end() }
        for process in processes { kill(process, SIGKILL) }
        try? FileManager.default.removeItem(atPath: path)
    }

    /// Allows five ranks on any machine, for any user.
    var mpi: [String] {
        [
            "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "OMPI_MCA_orte_tmpdir_base=\(path)",
            "OMPI_MCA_btl_vader_backing_directory=\(path)", "OMPI_MCA_hwloc_base_binding_policy=none",
        ]
    }

    func start(_ program: String, _ words: [String], variables: [String] = []) throws -> Running {
        let programs = (builtProgram("daft") as NSString).deletingLastPathComponent
        let outputs = "\(path)/.run-\(runs.count)"
        let own = ["HOME=\(path)", "TMPDIR=\(path)", "USER=me", "PATH=\(programs):/usr/bin:/bin"]
        let running = try Running(
            program, words, in: path, variables: own + variables, input: "/dev/null", output: outputs + ".out",
            errors: outputs + ".err")
        runs.append(running)
        return running
    }

    func run(_ program: String, _ words: String..., variables: [String] = []) throws -> Ended {
        try start(program, words, variables: variables).wait(seconds: 60)
    }

    func text(_ name: String) -> Data? { FileManager.default.contents(atPath: "\(path)/\(name)") }

    /// The output so far of the program started under that number.
    func output(of run: Int) -> String { String(decoding: text(".run-\(run).out") ?? Data(), as: UTF8.self) }

    /// All processes started here, directly or indirectly.
    var processes: [pid_t] {
        let mark = Data("TMPDIR=\(path)".utf8)
        let all = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        return all.compactMap { pid_t($0) }.filter { process in
            FileManager.default.contents(atPath: "/proc/\(process)/environ")?.range(of: mark) != nil
        }
    }

    func commandLine(of process: pid_t) -> String {
        let words = FileManager.default.contents(atPath: "/proc/\(process)/cmdline") ?? Data()
        return "\(process) \(String(decoding: words, as: UTF8.self).replacing("\0", with: " "))"
    }
}
