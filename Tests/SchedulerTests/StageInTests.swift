// slurm/stage-in.sbatch: a set comes to all nodes of a job, a command runs on it, and what it wrote comes back.

import Foundation
import Glibc
import TestBox
import TestPrograms
import Testing

extension SchedulerTests {
    @Suite(.enabled(if: slurmObstacle == nil, "needs root and what tools/setup.sh lists"))
    struct StageInTests {
        @Test(arguments: [3, 1])
        func everyNodeHasTheSetAndTheResultsComeBack(nodes: Int) throws {
            let slurm = try Slurm()
            let bytes = try noise(10_000_000)
            try slurm.desk.write("a set/deep/x", bytes)
            try slurm.desk.write("more", "more")
            let line = #"cmp "$STAGED/a set/deep/x" a\ set/deep/x && cat "$STAGED/more" >"$RESULTS/more""#
            let end = try slurm.run(
                "stage-in.sbatch", ["-N", "\(nodes)"], "-i", "a set", "-i", "more", "-o", "back", "--", "sh", "-c", line
            )
            #expect(end.state == "COMPLETED" && end.status == 0, "\(end)")
            for node in 0..<nodes { #expect(slurm.desk.text("back/n\(node)/results/more") == "more", "\(end)") }
            #expect(!slurm.desk.has("back/n\(nodes)"))
            #expect(try slurm.leftOvers == Array(repeating: "", count: clusterHosts))
        }

        @Test func theJobsStatusIsTheCommandsAndItsResultsComeBackAllTheSame() throws {
            let slurm = try Slurm()
            try slurm.desk.write("set", "set")
            let line = #"hostname >"$RESULTS/who"; [ "$SLURM_PROCID" = 0 ] || exit 7"#
            let end = try slurm.run("stage-in.sbatch", ["-N", "2"], "-i", "set", "-o", "back", "--", "sh", "-c", line)
            #expect(end.state == "FAILED" && end.status == 7, "\(end)")
            for node in 0..<2 { #expect(slurm.desk.text("back/n\(node)/results/who") == "n\(node)\n", "\(end)") }
            #expect(try slurm.leftOvers == Array(repeating: "", count: clusterHosts))
        }
    }
}
