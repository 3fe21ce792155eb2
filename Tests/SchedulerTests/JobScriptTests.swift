// The scripts of jobs/ without a batch system: mpirun over ssh between the box's hosts. PBS is not available here, so
// its script runs with the variables that PBS would set.

import Foundation
import Glibc
import TestBox
import Testing
import TestPrograms

let boxObstacle = Box.obstacle(for: "SchedulerTests of job scripts", alsoNeeded: ["/usr/bin/ps"])

extension SchedulerTests {
    @Suite(.enabled(if: boxObstacle == nil, "needs root"))
    final class JobScriptTests {
        private static let names = ["oar-stage.sh", "pbs-stage.sh", "mpirun-stage.sh"]
        private let desk: Desk
        private let nothing = Array(repeating: "", count: clusterHosts)

        init() throws {
            desk = try Desk(try clusterBox.get())
            try desk.write("hosts", "n1\nn1\nn2\nn3 slots=2\n")
            try desk.write("set", try noise(3_000_000))
        }

        deinit {
            for host in 0..<clusterHosts {
                _ = try? desk.box.shell("rm -rf /tmp/daft-\(Account.name)* /tmp/ompi*; pkill -KILL -u ana", on: host)
            }
        }

        /// On the second host, with variables before the script's name.
        private func start(_ script: String, _ words: [String], _ variables: [String] = []) throws -> Running {
            let path = try desk.script("jobs/" + script)
            return try desk.start(["env"] + variables + [path] + words, on: 1)
        }

        private func run(_ script: String, _ words: String..., variables: [String] = []) throws -> Ended {
            try start(script, words, variables).wait(seconds: 30)
        }

        @Test func inWhatPBSSetsEveryNodeHasTheSetAndTheResultsComeBack() throws {
            let job = ["PBS_NODEFILE=\(desk["hosts"])", "PBS_JOBID=12[3].pbs", "PBS_O_WORKDIR=\(desk.place)"]
            let line = #"cmp "$STAGED/set" set && echo "$STAGED" >"$RESULTS/place""#
            let ended = try run("pbs-stage.sh", "-s", "-i", "set", "-o", "back", "--", "sh", "-c", line, variables: job)
            #expect(ended.status == 0, "\(ended)")
            for node in 1...3 {
                #expect(
                    desk.text("back/12-3-.pbs/n\(node)/results/place") == "/tmp/daft-ana-12-3-.pbs/staged\n",
                    "\(ended)")
            }
            #expect(try desk.leftOvers == nothing)
        }

        @Test func whatWasToldToEndLeavesNoProcessAndGoesOnWhereItWas() throws {
            let line = #"hostname >"$RESULTS/who"; touch "started-$(hostname)"; [ -e go ] || sleep 1000"#
            let words = ["-f", "hosts", "-i", "set", "-o", "back", "--", "sh", "-c", line]
            let running = try start("mpirun-stage.sh", words)
            #expect(soon(seconds: 20) { (1...3).allSatisfy { desk.has("started-n\($0)") } })
            let other = try run("mpirun-stage.sh", "-f", "hosts", "-i", "set", "--", "true")
            #expect(
                other.status == 1 && other.errors.contains("hosts: another run has the nodes of this file"), "\(other)")
            let begin = Date()
            // To the process that replaced the script and its children, as a batch system would.
            for name in ["daft-run", "mpirun"] {
                for process in desk.box.processes(name, on: 1) { kill(process, SIGTERM) }
            }
            let told = running.wait(seconds: 20)
            #expect(told.status == 143 && Date().timeIntervalSince(begin) < 10, "\(told)")
            #expect(
                told.errors.contains("told to end by SIGTERM; what is staged stays on the nodes, in /tmp/daft-ana-"),
                "\(told)")
            let run = try #require(desk.list("back").first)
            for node in 1...3 { #expect(desk.text("back/\(run)/n\(node)/results/who") == "n\(node)\n", "\(told)") }
            let isQuiet = try soon { try (1...3).allSatisfy { try desk.processes(on: $0).isEmpty } }
            #expect(isQuiet)
            try desk.write("go", "")
            let again = try start("mpirun-stage.sh", words, ["DAFT_JSON=1"]).wait(seconds: 30)
            #expect(again.status == 0 && again.output.contains(#""moved":0"#), "\(again)")
            #expect(try desk.leftOvers == nothing)
        }

        @Test(arguments: [
            (["-x", "--", "ls"], "unknown option `-x`"), (["-i"], "-i needs a value: -i PATH"),
            (["-i", "set"], "which command? -- COMMAND ARG…"),
        ])
        func whatIsTypedWrongIsSaidWithTheRightWords(words: [String], message: String) throws {
            for name in ["oar-stage.sh", "pbs-stage.sh"] {
                let ended = try start(name, words, ["OAR_NODEFILE=hosts", "PBS_NODEFILE=hosts"]).wait()
                #expect(ended.status == 2 && ended.errors.contains(message), "\(ended)")
            }
        }

        @Test func outsideOfAJobEachSaysWhatItLacks() throws {
            for (name, message) in zip(
                Self.names, ["this is no job: none of ", "this is no job: none of ", "which nodes? "])
            {
                let ended = try run(name, "-i", "set", "--", "ls")
                #expect(ended.status == 2 && ended.errors.contains(message), "\(ended)")
            }
            let lost = try run("mpirun-stage.sh", "-f", "none", "-i", "set", "--", "ls")
            #expect(lost.status == 2 && lost.errors.contains("none: No such file or directory"), "\(lost)")
        }

        @Test func whatCannotBeStagedIsSaidAndNothingIsRunNorLeft() throws {
            let ended = try run("mpirun-stage.sh", "-f", "hosts", "-i", "lost", "--", "touch", "ran")
            #expect(ended.status == 3, "\(ended)")
            #expect(
                ended.errors.contains("lost") && ended.errors.contains("not all is staged, so the command is not run"))
            #expect(!desk.has("ran"))
            #expect(try desk.leftOvers == nothing)
        }

        @Test func withSEveryNodeHasToSeeTheSet() throws {
            let ended = try run("mpirun-stage.sh", "-f", "hosts", "-s", "-i", "/etc/hostname", "--", "touch", "ran")
            #expect(ended.status == 2, "\(ended)")
            #expect(ended.errors.contains("cannot see just this: --shared is for a filesystem that all nodes see"))
            #expect(!desk.has("ran"))
            #expect(try desk.leftOvers == nothing)
        }

        @Test func aNodeWithoutTheProgramIsNamed() throws {
            let box = desk.box
            try box.shell("install -m 755 \(box.common)/daft-run /scratch/daft-run", on: 1)
            let ended = try run(
                "mpirun-stage.sh", "-f", "hosts", "-i", "set", "--", "touch", "ran",
                variables: ["DAFT_RUN=/scratch/daft-run"])
            #expect(ended.status != 0 && ended.errors.contains("/scratch/daft-run"), "\(ended)")
            #expect(ended.errors.contains("n2") || ended.errors.contains("n3"), "\(ended)")
            #expect(!desk.has("ran"))
        }
    }
}
