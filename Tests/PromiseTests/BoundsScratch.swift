// A directory of its own for each test of bounds, with the stores and the catalogue in it, and jobs that run there.

import Foundation
import Glibc
import TestPrograms

final class BoundsScratch {
    let path = "/tmp/daft-bounds-\(UInt64.random(in: 0 ... .max))"
    private var started: [Running] = []

    init() throws {
        try FileManager.default.createDirectory(atPath: path + "/tmp", withIntermediateDirectories: true)
    }

    /// FileManager cannot remove what lies deeper than a path is long.
    deinit {
        for running in started { running.end() }
        let rm = try? Running(
            "/bin/rm", ["-rf", path], in: "/tmp", input: "/dev/null", output: "/dev/null", errors: "/dev/null")
        _ = rm?.wait(seconds: 600)
    }

    subscript(_ relative: String) -> String { path + "/" + relative }

    var store: String { self["store"] }

    /// A metadata server and two data servers, each a process.
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

/// With all trials what is measured is the optimised program, where it was built (`make build`).
func optimisedProgram(_ name: String) -> String {
    let built = builtProgram(name)
    let optimised = built.replacingOccurrences(of: "/debug/", with: "/release/")
    return Trials.areAll && access(optimised, X_OK) == 0 ? optimised : built
}
