// Errors are reported once, by one rank, with the right exit status, and the job ends: no hang, no core file, and of
// Open MPI's messages only what mpirun prints for any failed job.

import Foundation
import Glibc
import Testing

struct Mishap: Sendable, CustomTestStringConvertible {
    let name: String
    var ranks = 4
    /// `%` stands for the test's directory.
    let arguments: [String]
    let status: Int32
    let says: String

    var testDescription: String { name }

    static let all = [
        Mishap(name: "one process", ranks: 1, arguments: ["ls"], status: 2, says: "start at least two"),
        Mishap(name: "a store that is a file", arguments: ["--store", "%/file", "ls"], status: 1, says: "file"),
        Mishap(
            name: "a store where there is no directory", ranks: 9, arguments: ["--store", "/proc/none", "ls"],
            status: 1, says: "and 6 more"),
        Mishap(
            name: "a catalogue where there is no directory", arguments: ["--catalogue", "/proc/none", "ls"], status: 1,
            says: "/proc/none"),
        Mishap(name: "no job file", arguments: ["-f", "%/none"], status: 2, says: "none: No such file"),
        Mishap(name: "a wrong option", arguments: ["--wrong", "ls"], status: 2, says: "unknown option `--wrong`"),
        Mishap(name: "a wrong command", arguments: ["bcats", "/x"], status: 2, says: "did you mean `bcast`"),
        Mishap(
            name: "a name that is none", arguments: ["put", "%/file", "--as", "/a/../b"], status: 2,
            says: "a name has no . or .."),
        Mishap(
            name: "a name that is taken", arguments: ["put", "%/file", "--as", "/taken"], status: 4, says: "/taken"),
        Mishap(name: "a name that is not there", arguments: ["get", "/none"], status: 3, says: "no such name"),
        Mishap(
            name: "a source that is not there", arguments: ["put", "%/none"], status: 1, says: "none: no such file"),
        Mishap(name: "a node that is not there", arguments: ["put", "%/file@none"], status: 6, says: "none"),
    ]
}

@Suite(.serialized) struct MannersTests {
    @Test(arguments: Mishap.all)
    func aMishapIsSaidOnceAndEndsTheJob(mishap: Mishap) throws {
        let scratch = try Scratch()
        try scratch.makeFile("file", bytes: 5)
        try scratch.makeFile("other", bytes: 6)
        let store = ["--store", scratch["s"]]
        if mishap.status == 4 {
            #expect(try Job(4, "daft-run", store + ["put", scratch["other"], "--as", "/taken"]).end().status == 0)
        }
        let arguments = mishap.arguments.map { $0.replacingOccurrences(of: "%", with: scratch.path) }
        let ended = try Job(mishap.ranks, "daft-run", store + arguments).end(withinSeconds: 30)
        #expect(ended.status == mishap.status, "\(ended)")
        #expect(ended.output == "", "\(ended)")
        let lines = ended.errors.split(separator: "\n")
        let ours = lines.filter { $0.hasPrefix("daft: ") }
        // One reason; if many nodes have the same, three of them and the number of the others.
        let reasons = ours.filter { !$0.contains("--help` says more") }
        #expect(reasons.count == (mishap.says.hasPrefix("and ") ? 4 : 1), "\(ended)")
        #expect(reasons.last?.contains(mishap.says) == true, "\(ended)")
        #expect(!ended.errors.contains("signal"), "\(ended)")
        #expect(lines.count <= ours.count + 11, "\(ended)")
    }

    @Test func mpirunIsSilentOnlyWhenToldAndTheStatusIsTheSame() throws {
        let scratch = try Scratch()
        let ended = try Job(
            3, "daft-run", ["--store", scratch["s"], "get", "/none"], mca: ["--mca", "orte_execute_quiet", "1"]
        ).end()
        #expect(ended.status == 3)
        #expect(ended.errors == "daft: get: /none: no such name is published\n")
    }

    @Test func whatTheFirstRanksEnvironmentSaysHoldsForAll() throws {
        let scratch = try Scratch()
        // As with mpirun over ssh: only the first rank has the job script's variables.
        let script = "[ $OMPI_COMM_WORLD_RANK = 0 ] && export DAFT_STORE=\"$0\"; exec \"$@\""
        let ended = try Job(3, "daft-run", ["ls", "-n"], starter: ["sh", "-c", script, scratch["s"]]).end()
        #expect(ended.status == 0, "\(ended)")
        #expect(ended.output.contains(scratch["s"] + "\n") && ended.output.contains(scratch["s.1"] + "\n"), "\(ended)")
    }

    @Test func verboseSaysWhichRankRunsWhereWithWhichStore() throws {
        let scratch = try Scratch()
        let ended = try Job(3, "daft-run", ["--store", scratch["s"], "-v", "ls"]).end()
        #expect(ended.status == 0, "\(ended)")
        let host = ProcessInfo.processInfo.hostName
        let said = [
            "daft: rank 0 on \(host): metadata server", "daft: rank 1 on \(host): data server, store \(scratch["s"])",
            "daft: rank 2 on \(host): data server, store \(scratch["s.1"])",
        ]
        let lines = ended.errors.split(separator: "\n").map(String.init)
        #expect(lines.filter { !$0.hasPrefix("daft: Open MPI: ") } == said, "\(ended)")
    }
}
