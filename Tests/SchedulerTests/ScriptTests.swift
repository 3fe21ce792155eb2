// The other scripts of slurm/ that stage for one job, and daft-run in a job without them.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

extension SchedulerTests {
    @Suite(.enabled(if: slurmObstacle == nil, "needs root and what tools/setup.sh lists"))
    struct ScriptTests {
        private let slurm: Slurm

        init() throws { slurm = try Slurm() }

        /// Files small enough to stay whole.
        private func writeSet(_ count: Int) throws {
            for number in 1...count { try slurm.desk.write("set/\(number)", try noise(2_000_000)) }
        }

        private func expectNothingLeft() throws {
            #expect(try slurm.leftOvers == Array(repeating: "", count: clusterHosts))
        }

        @Test func aDiffusedSetIsSharedOutAndEachNodeWorksOnItsPart() throws {
            try writeSet(12)
            let line = #"""
                cd "$STAGED/set" || exit
                for file in *; do cmp "$file" "$SLURM_SUBMIT_DIR/set/$file" && : >"$RESULTS/$file"; done
                """#
            let end = try slurm.run(
                "stage-diffuse.sbatch", ["-N", "3"], "-i", "set", "-o", "back", "--", "sh", "-c", line)
            #expect(end.status == 0, "\(end)")
            let parts = (0..<3).map { slurm.desk.list("back/\(end.job)/n\($0)/results") }
            #expect(parts.allSatisfy { (3...5).contains($0.count) }, "\(parts)")
            #expect(parts.joined().sorted() == (1...12).map { "\($0)" }.sorted(), "\(parts)")
            try expectNothingLeft()
        }

        @Test func whatWouldBeCutIsNotDiffused() throws {
            try slurm.desk.write("set/large", try noise((16 << 20) + 1))
            let end = try slurm.run("stage-diffuse.sbatch", ["-N", "2"], "-i", "set", "--", "echo", "has run")
            #expect(end.status == 1 && end.log.contains("set/large is larger than 16 MiB"), "\(end)")
            #expect(!end.log.contains("has run"))
        }

        @Test func manyTasksWorkOnWhatWasStagedOnceAndOneThatFailsIsNamed() throws {
            try slurm.desk.write("set", "set")
            let line = #"""
                cmp "$STAGED/set" set && hostname >"$RESULTS/$SLURM_ARRAY_TASK_ID" && [ "$SLURM_ARRAY_TASK_ID" != 7 ]
                """#
            let end = try slurm.run(
                "array.sbatch", ["-N", "3", "--ntasks-per-node=2"], "-a", "3-20", "-i", "set", "-o", "back", "--", "sh",
                "-c", line)
            #expect(end.state == "FAILED" && end.status == 1, "\(end)")
            #expect(end.log.contains("array: task 7 failed on n1 with status 1"), "\(end)")
            #expect(!end.log.contains("srun: warning"), "\(end)")
            let tasks = (0..<3).flatMap { slurm.desk.list("back/\(end.job)/n\($0)/results") }
            #expect(tasks.sorted() == (3...20).map { "\($0)" }.sorted(), "\(end)")
            try expectNothingLeft()
        }

        @Test func tasksUseASystemThatServesBesideThem() throws {
            try writeSet(3)
            let line = #"""
                daft fetch /set/2 && cmp "$STAGED/set/2" set/2 && hostname >"$RESULTS/mine" &&
                daft put "$RESULTS/mine" --as "/from/$SLURM_PROCID" && daft ls -n >"$RESULTS/nodes"
                """#
            let end = try slurm.run("serve.sbatch", ["-N", "3"], "-i", "set", "-o", "back", "--", "sh", "-c", line)
            #expect(end.state == "COMPLETED" && end.status == 0, "\(end)")
            for node in 0..<3 {
                #expect(slurm.desk.text("back/\(end.job)/n\(node)/results/mine") == "n\(node)\n", "\(end)")
                #expect(slurm.desk.text("back/\(end.job)/n\(node)/results/nodes").contains(" n2 "), "\(end)")
            }
            try expectNothingLeft()
        }

        @Test func srunStartsItWithoutLaunchAndToolsReadWhatCameOfIt() throws {
            try slurm.desk.write("set", try noise(5_000_000))
            let store = "/tmp/daft-\(Account.name)-srun"
            let words = ["srun", "--mpi=pmix", "--nodes=2", "--ntasks=3", "--overcommit"]
            let daft = ["daft-run", "--store", store, "--json", "bcast", "set"]
            let end = try slurm.desk.start(words + daft).wait()
            #expect(end.status == 0, "\(end)")
            let lines = end.output.split(separator: "\n").map { Data($0.utf8) }
            let object = try JSONSerialization.jsonObject(with: lines.first ?? Data()) as? [String: Any]
            #expect(lines.count == 1 && object?["places"] as? [String] == ["n0", "n1"], "\(end)")
            #expect(object?["bytes"] as? Int == 5_000_000 && object?["moved"] as? Int == 5_000_000, "\(end)")
            for host in 0..<2 {
                #expect(try slurm.box.shell("cmp \(store)/set \(slurm.desk["set"])", on: host).status == 0)
            }
        }

        /// Broadcasts a large file with `--launch`, and sends a signal to the processes of that name on one host as
        /// soon as another has received some of it.
        private func broadcast(
            to nodes: Int, _ store: String, killing name: String, by signal: String, on host: Int
        ) throws -> Ended {
            try slurm.limit("40mbit")
            try slurm.desk.write("set", try noise(40_000_000))
            let launch = ["daft-run", "--launch", "--store", store, "bcast", "set"]
            let running = try slurm.desk.start(["salloc", "--quiet", "-N", "\(nodes)"] + launch)
            let isUnderWay = soon(seconds: 20) {
                let size = try? slurm.box.shell("du -sm \(store)/.daft/partial | cut -f 1", on: 1).output
                return Int(size?.trimmingCharacters(in: .whitespacesAndNewlines) ?? "") ?? 0 > 2
            }
            #expect(isUnderWay)
            let processes = "ps -u \(Account.name) -o pid=,comm= | awk '$2 == \"\(name)\" { print $1 }'"
            #expect(try slurm.box.shell("kill -\(signal) $(\(processes))", on: host).status == 0)
            return running.wait(seconds: 60)
        }

        @Test func oneCtrlCStopsTheCommandInOrderWithOneLine() throws {
            let store = "/tmp/daft-\(Account.name)-ctrl-c"
            // A terminal would send it to both processes of srun.
            let ended = try broadcast(to: 2, store, killing: "srun", by: "INT", on: 0)
            let own = ended.errors.split(separator: "\n").filter { $0.hasPrefix("daft: ") }
            #expect(ended.status == 130 && own.count == 1, "\(ended)")
            #expect(own.first?.contains("stopped by SIGINT; what came so far stays in \(store) on n0 n1; ") ?? false)
            #expect(!ended.errors.contains("srun: interrupt"), "\(ended)")
        }

        @Test func atATerminalThereIsAPromptAndProgressInPlace() throws {
            try slurm.limit("40mbit")
            try slurm.desk.write("set", try noise(10_000_000))
            let store = "/tmp/daft-\(Account.name)-prompt"
            try slurm.desk.write("typed", "bcast set\nls\nquit\n")
            let launch = "salloc --quiet -N 2 daft-run --launch --store \(store)"
            let line = "TERM=xterm script -qec '\(launch)' /dev/null <typed"
            let ended = try slurm.desk.start(["sh", "-c", line]).wait(seconds: 60)
            #expect(ended.output.contains("daft> "), "\(ended)")
            #expect(ended.output.contains(" of 9.5 MiB"), "\(ended)")
            #expect(ended.output.contains("/set: 1 file, 9.5 MiB on n0 n1") && ended.output.contains("\n/set\r"))
        }

        @Test func aDataServerKilledUnderSrunIsNamedAndTheOthersHaveAll() throws {
            let store = "/tmp/daft-\(Account.name)-killed"
            let ended = try broadcast(to: 3, store, killing: "daft-run", by: "KILL", on: 2)
            #expect(ended.status == 6, "\(ended)")
            #expect(ended.errors.contains("daft: bcast: n2:"), "\(ended)")
            for host in 0..<2 {
                #expect(try slurm.box.shell("cmp \(store)/set \(slurm.desk["set"])", on: host).status == 0)
            }
        }

        @Test func whereSlurmsPMIxLacksItsLibraryMpirunStartsIt() throws {
            let library = "/usr/lib/*/pmix2/lib/libpmix.so"
            let line = ["srun", "--nodes=1", "--ntasks=1", "daft-run", "--dry-run", "status"]
            let whole = try slurm.desk.start(line).wait()
            #expect(whole.output.hasPrefix("srun --mpi=pmix "), "\(whole)")
            #expect(try slurm.box.shell("for l in \(library); do mv $l $l.away; done", on: 0).status == 0)
            let lacking = try slurm.desk.start(line).wait()
            #expect(lacking.output.hasPrefix("mpirun --bind-to none "), "\(lacking)")
            #expect(try slurm.box.shell("for l in \(library).away; do mv $l ${l%.away}; done", on: 0).status == 0)
        }
    }
}
