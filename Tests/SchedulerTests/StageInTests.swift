// slurm/stage-in.sbatch: a set comes to all nodes of a job, a command runs on it, and what it wrote comes back.

import Foundation
import Glibc
import TestBox
import TestPrograms
import Testing

extension SchedulerTests {
    @Suite(.enabled(if: slurmObstacle == nil, "needs root and what tools/setup.sh lists"))
    struct StageInTests {
        private let slurm: Slurm

        init() throws { slurm = try Slurm() }

        private func expectNothingLeft() throws {
            #expect(try slurm.leftOvers == Array(repeating: "", count: clusterHosts))
        }

        @Test(arguments: [(3, ["--ntasks-per-node=2"]), (1, ["--mem=200", "--cpus-per-task=2"])])
        func everyNodeHasTheSetAndTheResultsComeBack(nodes: Int, options: [String]) throws {
            try slurm.desk.write("a set/deep/x", try noise(10_000_000))
            try slurm.desk.write("more", "more")
            let line = #"cmp "$STAGED/a set/deep/x" "a set/deep/x" && cat "$STAGED/more" >"$RESULTS/$SLURM_LOCALID""#
            let end = try slurm.run(
                "stage-in.sbatch", ["-N", "\(nodes)"] + options, "-i", "a set", "-i", "more", "-o", "back", "--", "sh",
                "-c", line)
            #expect(end.state == "COMPLETED" && end.status == 0, "\(end)")
            for node in 0..<nodes { #expect(slurm.desk.text("back/n\(node)/results/0") == "more", "\(end)") }
            #expect(slurm.desk.has("back/n0/results/1") == (nodes == 3))
            #expect(!slurm.desk.has("back/n\(nodes)"))
            try expectNothingLeft()
        }

        @Test func theJobsStatusIsTheCommandsAndItsResultsComeBackAllTheSame() throws {
            try slurm.desk.write("set", "set")
            let line = #"""
                mkdir "$RESULTS/fixed" && hostname >"$RESULTS/fixed/who" && chmod 555 "$RESULTS/fixed"
                [ "$SLURM_PROCID" = 0 ] || exit 7
                """#
            let end = try slurm.run("stage-in.sbatch", ["-N", "2"], "-i", "set", "-o", "back", "--", "sh", "-c", line)
            #expect(end.state == "FAILED" && end.status == 7, "\(end)")
            for node in 0..<2 { #expect(slurm.desk.text("back/n\(node)/results/fixed/who") == "n\(node)\n", "\(end)") }
            try expectNothingLeft()
        }

        @Test func whatCannotBeStagedOrIsNotSaidIsNamedAndTheCommandNotRun() throws {
            let none = try slurm.run("stage-in.sbatch", ["-N", "2"], "-i", "none", "--", "echo", "has run")
            #expect(none.state == "FAILED" && none.status == 3, "\(none)")
            #expect(none.log.contains("none: no such local path") && !none.log.contains("has run"), "\(none)")
            let bare = try slurm.run("stage-in.sbatch", ["-N", "2"], "--", "echo", "has run")
            #expect(bare.status == 2 && bare.log.contains("which files? -i PATH"), "\(bare)")
        }

        @Test func withSEachNodeReadsItsShareOfWhatAllSeeAndNothingElse() throws {
            try slurm.desk.write("a set/deep/x", try noise(10_000_000))
            let line = #"cmp "$STAGED/a set/deep/x" "a set/deep/x""#
            let end = try slurm.run("stage-in.sbatch", ["-N", "3"], "-s", "-i", "a set", "--", "sh", "-c", line)
            #expect(end.state == "COMPLETED" && end.status == 0, "\(end)")
            try expectNothingLeft()
            let alone = "/tmp/alone-\(slurm.desk.place.split(separator: "/").last ?? "")"
            for host in 0..<clusterHosts { _ = try slurm.box.shell("date +%N >\(alone)", on: host) }
            defer { for host in 0..<clusterHosts { _ = try? slurm.box.shell("rm -f \(alone)", on: host) } }
            let refused = try slurm.run("stage-in.sbatch", ["-N", "2"], "-s", "-i", alone, "--", "echo", "has run")
            #expect(refused.status == 2 && !refused.log.contains("has run"), "\(refused)")
            #expect(refused.log.contains("cannot see just this: --shared is for a filesystem that all nodes see"))
        }

        /// A job that has been told to end in the middle of its staging, by `words`, and is `state` then.
        private func interrupted(by words: [String], until state: String) throws -> String {
            try slurm.desk.write("set", try noise(80_000_000))
            try slurm.limit("200mbit")
            // What is under way when it is stopped comes to its end.
            slurm.variables = ["DAFT_CHUNK_SIZE=1M"]
            let line = #"cmp "$STAGED/set" set && hostname >"$RESULTS/who""#
            let job = try slurm.submit(
                "stage-in.sbatch", ["-N", "3"], ["-i", "set", "-o", "back", "--", "sh", "-c", line])
            let before = try received()
            #expect(try soon { try received() > before + 20_000_000 })
            let begun = Date()
            let told = try slurm.desk.start(words + [job]).wait()
            #expect(told.status == 0, "\(told)")
            #expect(soon { slurm.state(of: job) == state }, "\(slurm.state(of: job))")
            #expect(Date().timeIntervalSince(begun) < 12, "\(Date().timeIntervalSince(begun)) s")
            for host in 0..<clusterHosts { #expect(try slurm.processes(on: host) == "") }
            #expect(!slurm.desk.has("back"))
            return job
        }

        /// By the last node of the chain.
        private func received() throws -> Int { try slurm.box.traffic()[2].received }

        @Test func aJobThatIsRequeuedMovesOnlyWhatLacks() throws {
            let job = try interrupted(by: ["scontrol", "requeue"], until: "PENDING")
            let before = try received()
            // Slurm lets it wait for two minutes.
            #expect(try slurm.desk.run("scontrol", "update", "jobid=\(job)", "starttime=now").status == 0)
            let end = slurm.end(of: job)
            #expect(end.state == "COMPLETED", "\(end)")
            let came = try received() - before
            #expect(came < 66_000_000, "\(came) bytes of 80,000,000")
            #expect((0..<3).allSatisfy { slurm.desk.has("back/n\($0)/results/who") }, "\(end)")
            try expectNothingLeft()
        }

        /// A signal to the steps alone is what preemption may begin with.
        @Test(arguments: [(["scancel"], "CANCELLED"), (["scancel", "--signal=TERM"], "FAILED")])
        func whatACancelledJobHasStagedStays(words: [String], state: String) throws {
            let job = try interrupted(by: words, until: state)
            let place = "/tmp/daft-\(Account.name)-\(job)"
            for host in 0..<3 {
                let kept = try slurm.box.shell("du -sm \(place)/staged | cut -f 1", on: host).output
                #expect(Int(kept.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 15, "\(kept)")
            }
            let log = slurm.end(of: job).log
            #expect(log.contains("daft: bcast: stopped by SIGTERM; run it again to go on"), "\(log)")
            #expect(log.contains("stage-in: told to end; what is staged stays on the nodes, in \(place)"), "\(log)")
        }
    }
}
