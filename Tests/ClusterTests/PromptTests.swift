// The prompt at a terminal, with mpirun between the user and rank 0.

import Foundation
import Testing
import TestPrograms

@Suite struct PromptTests {
    @Test func mpirunOnATerminalHasAPromptAndProgressInPlace() throws {
        let scratch = try Scratch()
        try scratch.makeFile("large", bytes: 200 << 20)
        try Data("bcast \(scratch["large"])\nls\nquit\n".utf8).write(to: URL(fileURLWithPath: scratch["typed"]))
        let mpirun = "/usr/bin/mpirun --oversubscribe --bind-to none -np 3 \(builtProgram("daft-run"))"
        let folder = scratch["mpi"]
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        let running = try Running(
            "/usr/bin/script", ["-qec", mpirun + " --store \(scratch["s"])", "/dev/null"], in: folder,
            variables: [
                "HOME=\(folder)", "TERM=xterm", "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1",
                "OMPI_MCA_btl_vader_backing_directory=\(folder)", "OMPI_MCA_orte_tmpdir_base=\(folder)",
            ], input: scratch["typed"], output: scratch["out"], errors: scratch["err"])
        defer { running.end() }
        let ended = running.wait(seconds: 60)
        #expect(ended.output.contains("daft> ") && ended.output.contains("/large\r\n"), "\(ended)")
        #expect(ended.output.contains("/large: 1 file") && ended.output.contains("\u{1b}[K"), "\(ended)")
    }
}
