// slurm/stage-in.sbatch: stages a set on all nodes of a job, runs a command on it, and collects the results.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

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
            for node in 0..<nodes { #expect(slurm.desk.text("back/\(end.job)/n\(node)/results/0") == "more", "\(end)") }
            #expect(slurm.desk.has("back/\(end.job)/n0/results/1") == (nodes == 3))
            #expect(!slurm.desk.has("back/\(end.job)/n\(nodes)"))
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
            for node in 0..<2 {
                #expect(slurm.desk.text("back/\(end.job)/n\(node)/results/fixed/who") == "n\(node)\n", "\(end)")
            }
            try expectNothingLeft()
        }

        @Test func whatCannotBeStagedOrIsNotSaidIsNamedAndTheCommandNotRun() throws {
            let none = try slurm.run("stage-in.sbatch", ["-N", "2"], "-i", "none", "--", "echo", "has run")
            #expect(none.state == "FAILED" && none.status == 3, "\(none)")
            #expect(none.log.contains("none: no such local path") && !none.log.contains("has run"), "\(none)")
            let bare = try slurm.run("stage-in.sbatch", ["-N", "2"], "-i", "set", "echo")
            #expect(bare.status == 2 && bare.log.contains("`echo`: the command stands behind `--`"), "\(bare)")
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

        /// Interrupts a job during staging by `words`; it must then be in `state`.
        private func interrupted(by words: [String], until state: String) throws -> String {
            try slurm.desk.write("set", try noise(80_000_000))
            try slurm.limit("200mbit")
            // Chunks in flight at the stop are completed.
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
            #expect(!slurm.desk.has("back/\(job)"))
            return job
        }

        /// Bytes received by the last node of the chain.
        private func received() throws -> Int { try slurm.box.traffic()[2].received }

        @Test func aJobThatIsRequeuedMovesOnlyWhatLacks() throws {
            let job = try interrupted(by: ["scontrol", "requeue"], until: "PENDING")
            let before = try received()
            // Otherwise Slurm delays it for two minutes.
            #expect(try slurm.desk.run("scontrol", "update", "jobid=\(job)", "starttime=now").status == 0)
            let end = slurm.end(of: job)
            #expect(end.state == "COMPLETED", "\(end)")
            let came = try received() - before
            #expect(came < 66_000_000, "\(came) bytes of 80,000,000")
            #expect((0..<3).allSatisfy { slurm.desk.has("back/\(job)/n\($0)/results/who") }, "\(end)")
            try expectNothingLeft()
        }

        @Test func whatACancelledJobHasStagedStays() throws {
            let job = try interrupted(by: ["scancel"], until: "CANCELLED")
            let place = "/tmp/daft-\(Account.name)-\(job)"
            for host in 0..<3 {
                let kept = try slurm.box.shell("du -sm \(place)/staged | cut -f 1", on: host).output
                #expect(Int(kept.trimmingCharacters(in: .whitespacesAndNewlines)) ?? 0 > 15, "\(kept)")
            }
            let log = slurm.end(of: job).log
            #expect(log.contains("told to end by SIGTERM; what is staged stays on the nodes, in \(place)"), "\(log)")
        }

        /// Waits until the command runs, ends the job by `words`, and waits for its end.
        private func told(by words: [String], _ job: String) throws {
            #expect(soon(seconds: 20) { (0..<3).allSatisfy { slurm.desk.has("runs-n\($0)") } })
            let told = try slurm.desk.start(words + [job]).wait()
            #expect(told.status == 0, "\(told)")
            #expect(soon(seconds: 20) { slurm.state(of: job) != "RUNNING" && slurm.state(of: job) != "COMPLETING" })
        }

        private static let working = #"""
            trap 'echo more >"$RESULTS/more"; exit 1' TERM
            [ ! -e "$RESULTS/part" ] || { cat "$RESULTS/part" "$RESULTS/more" >"$RESULTS/again"; exit; }
            hostname >"$RESULTS/part"; touch "runs-$(hostname)"
            for i in $(seq 300); do sleep 0.1; done
            """#

        @Test(arguments: [["scancel"], ["scancel", "--batch", "--signal=TERM"], ["scancel", "--signal=TERM"]])
        func aJobThatIsToldToEndBringsBackWhatItsCommandHasWritten(words: [String]) throws {
            try slurm.desk.write("set", "set")
            let job = try slurm.submit(
                "stage-in.sbatch", ["-N", "3"], ["-i", "set", "-o", "back", "--", "sh", "-c", Self.working])
            try told(by: words, job)
            let end = slurm.end(of: job)
            for node in 0..<3 {
                #expect(slurm.desk.text("back/\(job)/n\(node)/results/part") == "n\(node)\n", "\(end)")
                #expect(slurm.desk.text("back/\(job)/n\(node)/results/more") == "more\n", "\(end)")
            }
        }

        @Test func aRequeuedJobsCommandFindsWhatItHadWritten() throws {
            try slurm.desk.write("set", "set")
            let job = try slurm.submit(
                "stage-in.sbatch", ["-N", "3", "--nodelist=n[0-2]"],
                ["-i", "set", "-o", "back", "--", "sh", "-c", Self.working])
            try told(by: ["scontrol", "requeue"], job)
            let isBack = { (0..<3).allSatisfy { slurm.desk.text("back/\(job)/n\($0)/results/more") == "more\n" } }
            #expect(soon(seconds: 15, isBack), "\(slurm.desk.text("log-" + job))")
            #expect(try slurm.desk.run("scontrol", "update", "jobid=\(job)", "starttime=now").status == 0)
            let end = slurm.end(of: job)
            #expect(end.state == "COMPLETED", "\(end)")
            for node in 0..<3 {
                #expect(slurm.desk.text("back/\(job)/n\(node)/results/again") == "n\(node)\nmore\n", "\(end)")
            }
            try expectNothingLeft()
        }

        @Test func jobsWithOneOutputDirectoryKeepTheirResultsApart() throws {
            try slurm.desk.write("set", "set")
            let line = #"echo "$SLURM_JOB_ID" >"$RESULTS/job""#
            let ends = try (0..<2).map { _ in
                try slurm.run("stage-in.sbatch", ["-N", "1"], "-i", "set", "-o", "back", "--", "sh", "-c", line)
            }
            for end in ends {
                let node = slurm.desk.list("back/\(end.job)").first ?? ""
                #expect(slurm.desk.text("back/\(end.job)/\(node)/results/job") == end.job + "\n", "\(end)")
            }
        }
    }
}
