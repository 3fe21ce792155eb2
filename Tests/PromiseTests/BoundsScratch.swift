// A temporary directory for tests of bounds, with stores, catalogue and jobs.

import Foundation
import Glibc
import TestPrograms

final class BoundsScratch {
    let path = "/tmp/daft-bounds-\(UInt64.random(in: 0 ... .max))"
    private var started: [Running] = []

    init() throws {
        try FileManager.default.createDirectory(atPath: path + "/tmp", withIntermediateDirectories: true)
    }

    /// FileManager cannot remove paths beyond the path limit.
    deinit {
        for running in started { running.end() }
        let rm = try? Running(
            "/bin/rm", ["-rf", path], in: "/tmp", input: "/dev/null", output: "/dev/null", errors: "/dev/null")
        _ = rm?.wait(seconds: 600)
    }

    subscript(_ relative: String) -> String { path + "/" + relative }

    var store: String { self["store"] }

    /// A metadata server and two data servers, one process each.
    func job(_ arguments: [String], input: String = "/dev/null") throws -> Running {
        try start(
            "/usr/bin/mpirun",
            ["--oversubscribe", "--bind-to", "none", "-np", "3", optimisedProgram("daft-run"), "--no-progress"]
                + arguments, input: input)
    }

    func solo(_ arguments: String..., servers: Int = 2) throws -> Ended {
        try start(optimisedProgram("daft-solo"), ["-np", "\(servers)", "--no-progress"] + arguments).wait(seconds: 120)
    }

    func start(_ program: String, _ arguments: [String], input: String = "/dev/null") throws -> Running {
        let running = try Running(
            program, arguments, in: path,
            variables: [
                "DAFT_STORE=\(store)", "TMPDIR=\(path)/tmp", "HOME=\(path)", "OMPI_ALLOW_RUN_AS_ROOT=1",
                "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
            ],
            input: input, output: self[".out\(started.count)"], errors: self[".err\(started.count)"])
        started.append(running)
        return running
    }
}

/// With all trials, the optimised program is measured if it was built (`make build`).
func optimisedProgram(_ name: String) -> String {
    let built = builtProgram(name)
    let optimised = built.replacingOccurrences(of: "/debug/", with: "/release/")
    return Trials.areAll && access(optimised, X_OK) == 0 ? optimised : built
}
