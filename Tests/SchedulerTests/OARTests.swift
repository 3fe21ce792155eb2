// jobs/oar-stage.sh in a real OAR.

import Foundation
import TestBox
import Testing
import TestPrograms

extension SchedulerTests {
    @Suite(.enabled(if: oarObstacle == nil, "needs root, PostgreSQL and OAR's packages"))
    struct OARTests {
        @Test(arguments: [(3, 7), (1, 0)])
        func everyNodeHasTheSetAndItsResultsComeBackWhateverTheStatus(nodes: Int, status: Int32) throws {
            let oar = try OAR()
            try oar.desk.write("a set/deep/x", try noise(10_000_000))
            try oar.desk.write("more", "more")
            // Open MPI ends all tasks when one has failed.
            let line = """
                cmp "$STAGED/a set/deep/x" "a set/deep/x" && cat "$STAGED/more" >"$RESULTS/$OMPI_COMM_WORLD_RANK"
                sleep 1; exit \(status)
                """
            let words = ["-i", "a set", "-i", "more", "-o", "the back", "-t", "2", "--", "sh", "-c", line]
            let end = oar.end(of: try oar.submit("oar-stage.sh", nodes: nodes, words))
            #expect(end.state == "Terminated" && end.status == status, "\(end)")
            for rank in 0..<2 * nodes {
                #expect(oar.desk.text("the back/\(end.job)/n\(1 + rank / 2)/results/\(rank)") == "more", "\(end)")
            }
            #expect(!oar.desk.has("the back/\(end.job)/n\(nodes + 1)"))
            #expect(try oar.desk.leftOvers == Array(repeating: "", count: clusterHosts))
        }

        private static let command = ["sh", "-c", #"touch "started-$(hostname)"; [ -e go ] || sleep 1000"#]

        private func isQuiet(_ oar: OAR) throws -> Bool {
            try soon { try (1...3).allSatisfy { try oar.desk.processes(on: $0).isEmpty } }
        }

        @Test func aJobThatIsDeletedEndsOnAllNodesAndRunsAgain() throws {
            let oar = try OAR()
            try oar.desk.write("set", try noise(1_000_000))
            let job = try oar.submit("oar-stage.sh", nodes: 3, ["-i", "set", "--"] + Self.command)
            #expect(soon(seconds: 20) { (1...3).allSatisfy { oar.desk.has("started-n\($0)") } })
            try oar.desk.run("oardel", job)
            let deleted = oar.end(of: job, withinSeconds: 10)
            #expect(deleted.log.contains("KILLED"), "\(deleted)")
            #expect(try isQuiet(oar))
            try oar.desk.write("go", "")
            let again = oar.end(of: try oar.submit("oar-stage.sh", nodes: 3, ["-i", "set", "--"] + Self.command))
            #expect(again.state == "Terminated" && again.status == 0, "\(again)")
        }

        @Test func aJobThatIsToldOfItsEndEndsInOrderAndLeavesWhatIsStaged() throws {
            let oar = try OAR()
            try oar.desk.write("set", "set")
            let job = try oar.submitToBeTold("oar-stage.sh", nodes: 3, ["-i", "set", "--"] + Self.command)
            #expect(soon(seconds: 20) { (1...3).allSatisfy { oar.desk.has("started-n\($0)") } })
            try oar.desk.run("oardel", "--checkpoint", job)
            let told = oar.end(of: job, withinSeconds: 15)
            let place = "/tmp/daft-\(Account.name)-\(job)"
            #expect(
                told.status == 143 && told.log.contains("what is staged stays on the nodes, in \(place)"), "\(told)")
            #expect(try isQuiet(oar))
            for node in 1...3 { #expect(try oar.box.shell("cat \(place)/staged/set", on: node).output == "set") }
        }
    }
}
