// slurm/keep-warm.sbatch: staged files are reused by later jobs while they are correct.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

extension SchedulerTests {
    @Suite(.enabled(if: slurmObstacle == nil, "needs root and what tools/setup.sh lists"))
    struct KeepWarmTests {
        private let slurm: Slurm
        private static let size = 9_000_000

        init() throws {
            slurm = try Slurm()
            slurm.variables = ["DAFT_JSON=1"]
            try slurm.desk.write("set/a", try noise(KeepWarmTests.size))
            try slurm.desk.write("set/b", try noise(KeepWarmTests.size))
        }

        private func submit(on nodes: String, _ options: [String]) throws -> String {
            let line = #"diff -r "$STAGED/set" set && hostname >"$RESULTS/who""#
            let count = nodes.contains("-") ? "2" : "1"
            return try slurm.submit(
                "keep-warm.sbatch", ["-N", count, "--nodelist=\(nodes)"],
                ["-k", slurm.warm, "-i", "set"] + options + ["--", "sh", "-c", line])
        }

        /// Runs a job whose command verifies the files on each node; returns the bytes that staging moved.
        private func moved(on nodes: String, _ options: String...) throws -> Int {
            let end = slurm.end(of: try submit(on: nodes, options))
            #expect(end.state == "COMPLETED" && end.status == 0, "\(end)")
            return end.moved.reduce(0, +)
        }

        /// Modifies a staged file.
        private func tamper(_ line: String, on host: Int) throws {
            let done = try slurm.box.shell("cd \(slurm.warm)/staged/*/set && chmod u+w a b && \(line)", on: host)
            #expect(done.status == 0, "\(done)")
        }

        /// That many bytes, plus the listing.
        private func isOnly(_ bytes: Int, _ moved: Int) -> Bool { moved >= bytes && moved < bytes + 100_000 }

        @Test func aSecondJobMovesNothingWhicheverOfTheNodesItHas() throws {
            let (first, second) = (try moved(on: "n[0-1]"), try moved(on: "n[2-3]"))
            #expect(isOnly(2 * KeepWarmTests.size, first) && isOnly(2 * KeepWarmTests.size, second))
            #expect(try moved(on: "n[1-2]") == 0, "two systems that are one")
            try slurm.desk.write("set/b", try noise(KeepWarmTests.size))
            #expect(isOnly(KeepWarmTests.size, try moved(on: "n[1-2]")))
            for host in 0..<clusterHosts { #expect(try slurm.leftOvers(on: host) == "") }
        }

        @Test func whatSomebodyChangedOnANodeIsBroughtAnew() throws {
            _ = try moved(on: "n[0-1]")
            try tamper("printf X | dd of=a conv=notrunc bs=1 seek=5000000 status=none", on: 0)
            try tamper("truncate -s 100 b && rm a", on: 1)
            _ = try moved(on: "n[0-1]")
            // Size, time and inode stay the same.
            try tamper("cp -p a ../a && printf X | dd of=a conv=notrunc bs=1 status=none && touch -r ../a a", on: 1)
            _ = try moved(on: "n[0-1]", "-c")
        }

        @Test func whatNoJobHasUsedForAWeekIsRemovedUnlessATaskUsesItNow() throws {
            let entries = { (_ pattern: String) in
                try slurm.box.shell("cd \(slurm.warm) && ls -d \(pattern)", on: 0).output.split(separator: "\n")
            }
            _ = try moved(on: "n0")
            let lock = try #require(try entries("*.lock").first)
            let task = try slurm.box.start(["flock", "--shared", "\(slurm.warm)/\(lock)", "sleep", "60"], on: 0)
            defer { task.end() }
            try slurm.desk.write("set/b", "other")
            for isUsed in [true, false] {
                if !isUsed { task.end() }
                try slurm.box.shell("touch -d '8 days ago' \(slurm.warm)/*.lock", on: 0)
                _ = try moved(on: "n0")
                // Each version and its listing.
                #expect(try entries("staged/*").count == (isUsed ? 4 : 2))
            }
        }

        @Test func twoJobsOnTheSameNodesTakeTurns() throws {
            try slurm.limit("200mbit")
            let jobs = try ["one", "two"].map { try submit(on: "n[0-1]", ["-o", $0]) }
            let ends = jobs.map { slurm.end(of: $0) }
            #expect(ends.allSatisfy { $0.state == "COMPLETED" }, "\(ends)")
            #expect(isOnly(2 * KeepWarmTests.size, ends.flatMap(\.moved).reduce(0, +)), "\(ends)")
            for (place, job) in zip(["one", "two"], jobs) {
                #expect(slurm.desk.text("\(place)/\(job)/n1/results/who") == "n1\n", "\(ends)")
            }
        }
    }
}
