// daft-run launches itself in a job: the command line derived from the batch system's variables, and its execution.

import Foundation
import Testing
import TestPrograms

@Suite(.serialized) struct LaunchTests {
    private let host = ProcessInfo.processInfo.hostName

    /// Runs daft-run without mpirun in a temporary directory, with its `bin` first in PATH.
    private func run(
        _ scratch: borrowing Scratch, _ arguments: [String], _ variables: [String] = [], input: String = ""
    ) throws -> Ended {
        try Data(input.utf8).write(to: URL(fileURLWithPath: scratch["in"]))
        for name in ["out", "err"] { try? FileManager.default.removeItem(atPath: scratch[name]) }
        let mpi = [
            "OMPI_ALLOW_RUN_AS_ROOT=1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1", "HOME=\(scratch.path)",
            "OMPI_MCA_orte_tmpdir_base=\(scratch.path)", "OMPI_MCA_orte_execute_quiet=1",
        ]
        return try Running(
            "/usr/bin/env", ["PATH=\(scratch["bin"]):/usr/bin:/bin", builtProgram("daft-run")] + arguments,
            in: scratch.path, variables: mpi + variables, input: scratch["in"], output: scratch["out"],
            errors: scratch["err"]
        ).wait(seconds: 60)
    }

    private func write(_ text: String, _ path: String, isProgram: Bool = false) throws {
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        if isProgram { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path) }
    }

    @Test func theNodesOfABatchSystemBecomeOneRankMore() throws {
        let scratch = try Scratch()
        try write("a\na\nb\nb\nc\n", scratch["nodes"])
        for (variable, agent) in [
            ("OAR_NODEFILE", "--mca plm_rsh_agent ssh "), ("PBS_NODEFILE", ""), ("LSB_DJOB_HOSTFILE", ""),
        ] {
            let line = try run(scratch, ["--dry-run", "bcast", "/x y"], ["\(variable)=\(scratch["nodes"])"])
            #expect(line.status == 0)
            #expect(line.output.hasPrefix("mpirun --bind-to none "))
            #expect(line.output.contains(" \(agent)--host a:2,b:1,c:1 -np 4 /"), "\(line)")
            #expect(line.output.hasSuffix("/daft-run bcast '/x y'\n"), "\(line)")
        }
    }

    @Test func srunIsTakenWhereItOffersPMIx() throws {
        let scratch = try Scratch()
        try write(
            "#!/bin/sh\n[ $1 = --mpi=list ] && echo pmix || echo srun: $* by $SLURM_PMIX_FENCE\n", scratch["bin/srun"],
            isProgram: true)
        let job = ["SLURM_JOB_NODELIST=n[1-2]"]
        let ended = try run(scratch, ["--launch", "ls"], job)
        #expect(ended.output.hasPrefix("srun: --mpi=pmix "), "\(ended)")
        #expect(ended.output.contains(" --nodelist=n1,n1,n2 --ntasks=3 /"), "\(ended)")
        #expect(ended.output.hasSuffix("/daft-run ls by ring\n"), "\(ended)")
        let chosen = try run(scratch, ["--launch", "ls"], job + ["SLURM_PMIX_FENCE=tree"])
        #expect(chosen.output.hasSuffix(" by tree\n"), "\(chosen)")
        try write("#!/bin/sh\necho pmi2\n", scratch["bin/srun"], isProgram: true)
        #expect(try run(scratch, ["--dry-run", "ls"], job).output.contains(" --host n1:2,n2:1 -np 3 /"))
    }

    @Test func aGivenCommandLeavesStandardInputToTheScriptAroundIt() throws {
        let scratch = try Scratch()
        try write("#!/bin/sh\n[ $1 = --mpi=list ] && echo pmix || cat\n", scratch["bin/srun"], isProgram: true)
        let job = ["SLURM_JOB_NODELIST=n[1-2]"]
        for given in [["bcast", "set"], ["-f", scratch["nodes"]], ["serve"]] {
            try write("ls\n", scratch["nodes"])
            let ended = try run(scratch, ["--launch"] + given, job, input: "next\n")
            #expect(ended.output == "" && ended.status == 0, "\(given): \(ended)")
        }
        for given in [[], ["-f", "-"], ["--each", "cat"]] {
            let ended = try run(scratch, ["--launch"] + given, job, input: "ls\n")
            #expect(ended.output == "ls\n", "\(given): \(ended)")
        }
    }

    @Test func withoutAJobItSaysWhatItLookedFor() throws {
        let scratch = try Scratch()
        let ended = try run(scratch, ["--launch", "ls"])
        #expect(ended.status == 2)
        #expect(ended.errors.contains("SLURM_JOB_NODELIST, OAR_NODEFILE, PBS_NODEFILE, LSB_DJOB_HOSTFILE"))
        #expect(try run(scratch, ["--launch", "--hostfile", "none", "ls"]).status == 2)
        #expect(try run(scratch, ["--launch", "bcats"], ["SLURM_JOB_NODELIST=n1"]).status == 2)
    }

    @Test func oneNodeIsEnoughAndTheStatusIsTheCommands() throws {
        let scratch = try Scratch()
        try scratch.makeTree("set")
        try write("\(host)\n", scratch["nodes"])
        let launch = ["--launch", "--hostfile", "nodes", "--store", scratch["s"]]
        let bcast = try run(scratch, launch + ["bcast", scratch["set"]])
        #expect(bcast.status == 0, "\(bcast)")
        #expect(try scratch.changes(from: "set", to: "s/set", permissions: false) == "")
        #expect(try run(scratch, launch + ["get", "/none"]).status == 3)
        let two = try run(scratch, launch + ["--servers-per-node", "2", "ls", "-n"])
        #expect(two.output.contains(scratch["s.1"] + "\n"), "\(two)")
    }

    @Test func anyProgramRunsOnEachNodeInTheEnvironmentOfTheOneThatLaunches() throws {
        let scratch = try Scratch()
        try write("\(host)\n", scratch["nodes"])
        let script = "echo $OMPI_COMM_WORLD_RANK $WHAT >&2; sleep 0.3; exit 5"
        let each = ["--hostfile", "nodes", "--each=2", "sh", "-c", script]
        let ended = try run(scratch, each, ["WHAT=a b"])
        #expect(ended.status == 5, "\(ended)")
        for rank in 0...1 { #expect(ended.errors.contains("\(rank) a b\n"), "\(ended)") }
        let line = try run(scratch, ["--hostfile", "nodes", "--dry-run", "--each", "ls", "-v"], ["WHAT=a b"])
        #expect(line.output.contains(" -x WHAT "), "\(line)")
        #expect(line.output.hasSuffix(" --host \(host):1 -np 1 ls -v\n"), "\(line)")
        let none = try run(scratch, ["--hostfile", "nodes", "--each"])
        #expect(none.status == 2 && none.errors.contains("--each needs a program"), "\(none)")
    }

    @Test func theVariablesOfOptionsGoToAFirstNodeThatIsNotThisOne() throws {
        let scratch = try Scratch()
        try write("far\n", scratch["far"])
        try write("\(host)\n", scratch["near"])
        for (nodes, isNamed) in [("far", true), ("near", false)] {
            let line = try run(scratch, ["--hostfile", nodes, "--dry-run", "ls"], ["DAFT_STORE=/s"])
            #expect(line.output.contains(" -x DAFT_STORE ") == isNamed, "\(line)")
        }
    }

    @Test func anMPIRunOfItsOwnPlaceIsNamedInFull() throws {
        let scratch = try Scratch()
        try write("far\n", scratch["nodes"])
        let launch = ["--hostfile", "nodes", "--dry-run", "ls"]
        try write("", scratch["bin/mpirun"], isProgram: true)
        #expect(try run(scratch, launch).output.hasPrefix("mpirun "), "it is a wrapper")
        try write("", scratch["bin/orted"], isProgram: true)
        #expect(try run(scratch, launch).output.hasPrefix(scratch["bin/mpirun"] + " "))
    }
}
