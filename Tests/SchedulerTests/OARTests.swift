// jobs/oar-stage.sh in a real OAR.

import Foundation
import TestBox
import TestPrograms
import Testing

extension SchedulerTests {
    @Suite(.enabled(if: oarObstacle == nil, "needs root, PostgreSQL and OAR's packages"))
    struct OARTests {
        private let nothing = Array(repeating: "", count: clusterHosts)

        @Test(arguments: [3, 1])
        func everyNodeHasTheSetAndTheResultsComeBack(nodes: Int) throws {
            let oar = try OAR()
            try oar.desk.write("a set/deep/x", try noise(10_000_000))
            try oar.desk.write("more", "more")
            let line = #"cmp "$STAGED/a set/deep/x" "a set/deep/x" && cat "$STAGED/more" >"$RESULTS/more""#
            let end = try oar.run(
                "oar-stage.sh", nodes: nodes, "-i", "a set", "-i", "more", "-o", "the back", "--", "sh", "-c", line)
            #expect(end.state == "Terminated" && end.status == 0, "\(end)")
            for node in 1...nodes {
                #expect(oar.desk.text("the back/n\(node)/results/more") == "more", "\(end)")
            }
            #expect(!oar.desk.has("the back/n\(nodes + 1)"))
            #expect(try oar.desk.leftOvers == nothing)
        }

        @Test func theJobsStatusIsTheCommandsAndItsResultsComeBackAllTheSame() throws {
            let oar = try OAR()
            try oar.desk.write("set", "set")
            let line = #"echo "$OMPI_COMM_WORLD_RANK" >"$RESULTS/$OMPI_COMM_WORLD_RANK"; sleep 1; exit 7"#
            let end = try oar.run(
                "oar-stage.sh", nodes: 2, "-i", "set", "-o", "back", "-t", "2", "--", "sh", "-c", line)
            #expect(end.status == 7, "\(end)")
            for rank in 0..<4 {
                #expect(oar.desk.text("back/n\(1 + rank / 2)/results/\(rank)") == "\(rank)\n", "\(end)")
            }
            #expect(try oar.desk.leftOvers == nothing)
        }

        @Test func aJobThatIsDeletedEndsOnAllNodesAndRunsAgain() throws {
            let oar = try OAR()
            try oar.desk.write("set", try noise(1_000_000))
            let line = #"touch "started-$(hostname)"; [ -e go ] || sleep 1000"#
            let words = ["-i", "set", "--", "sh", "-c", line]
            let job = try oar.submit("oar-stage.sh", nodes: 3, words)
            #expect(soon(seconds: 20) { (1...3).allSatisfy { oar.desk.has("started-n\($0)") } })
            try oar.desk.run("oardel", job)
            let deleted = oar.end(of: job, withinSeconds: 10)
            #expect(deleted.log.contains("KILLED"), "\(deleted)")
            let isQuiet = try soon { try (1...3).allSatisfy { try oar.desk.processes(on: $0).isEmpty } }
            #expect(isQuiet)
            try oar.desk.write("go", "")
            let again = oar.end(of: try oar.submit("oar-stage.sh", nodes: 3, words))
            #expect(again.state == "Terminated" && again.status == 0, "\(again)")
        }
    }
}
