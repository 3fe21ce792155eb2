// Each command of daft-run under mpirun with real files, and each exit status.

import Foundation
import Testing

@Suite(.serialized) struct CommandTests {
    private func run(_ scratch: borrowing Scratch, _ arguments: String..., input: String = "") throws -> JobEnd {
        try Job(4, "daft-run", ["--store", scratch["s"]] + arguments, input: input).end()
    }

    @Test func aTreeIsPublishedBroadcastAndBroughtBack() throws {
        let scratch = try Scratch()
        try scratch.makeTree("set")
        let put = try run(scratch, "put", scratch["set"])
        #expect(put.status == 0, "\(put)")
        #expect(try scratch.changes(from: "set", to: "s/set", permissions: false) == "")
        let bcast = try run(scratch, "bcast", "/set")
        #expect(bcast.status == 0, "\(bcast)")
        for store in ["s", "s.1", "s.2"] {
            #expect(try scratch.changes(from: "set", to: store + "/set", permissions: false) == "")
        }
        let get = try run(scratch, "get", "/set", "--to", scratch["out"])
        #expect(get.status == 0, "\(get)")
        #expect(try scratch.changes(from: "set", to: "out", permissions: true) == "")
    }

    @Test(.enabled(if: PretendedNodes.areAllowed)) func aNodeWithTheMetadataServerAloneIsNamed() throws {
        let scratch = try Scratch()
        let script = #"hostname n$OMPI_COMM_WORLD_RANK; DAFT_STORE=$0-$OMPI_COMM_WORLD_RANK exec "$@""#
        for (variables, isJob) in [("", false), ("export PBS_NODEFILE=x PBS_JOBID=1; ", true)] {
            let starter = ["unshare", "--uts", "sh", "-c", variables + script, scratch["s"]]
            let end = try Job(3, "daft-run", ["ls"], starter: starter).end()
            #expect(end.status == 0 && end.errors.contains("n0 has the metadata server and no data server"), "\(end)")
            #expect(end.errors.contains("or let daft-run --launch start them all") == isJob, "\(end)")
        }
    }

    @Test func aDiffusedTreeIsGatheredFromAll() throws {
        let scratch = try Scratch()
        try scratch.makeTree("set", largeBytes: 21 << 20)
        let diffuse = try run(scratch, "diffuse", scratch["set"])
        #expect(diffuse.status == 0, "\(diffuse)")
        let get = try run(scratch, "get", "/set", "--to", scratch["out"])
        #expect(get.status == 0, "\(get)")
        #expect(try scratch.changes(from: "set", to: "out", permissions: true) == "")
        let fetch = try run(scratch, "fetch", "/set")
        #expect(fetch.status == 0, "\(fetch)")
        #expect(try scratch.changes(from: "set", to: "s/set", permissions: false) == "")
    }

    @Test func aJobOfManyLinesRunsInOneGo() throws {
        let scratch = try Scratch()
        try scratch.makeTree("set")
        let lines = """
            # what a batch job would say
            bcast \(scratch["set"]) --as /x/y
            ls -l /x/y
            ls -n
            stat /x/y/one
            tree
            verify
            status
            cat /x/y/one
            """
        let ended = try run(scratch, input: lines)
        #expect(ended.status == 0, "\(ended)")
        for shown in ["dangling", "s.2", "/x/y/one", "new\\nline", "3 alive"] {
            #expect(ended.output.contains(shown), "\(shown) in \(ended)")
        }
    }

    @Test func eachExitStatusSaysWhatItMeans() throws {
        let scratch = try Scratch()
        try scratch.makeTree("set")
        try scratch.makeFile("other", bytes: 5)
        #expect(try run(scratch, "put", scratch["set"]).status == 0)
        let missing = try run(scratch, "put", scratch["nothing"])
        #expect(missing.status == 1 && missing.errors.contains("nothing: no such file"), "\(missing)")
        let usage = try run(scratch, "bcats", "/set")
        #expect(usage.status == 2 && usage.errors.contains("did you mean `bcast`"), "\(usage)")
        #expect(try run(scratch, "get", "/none").status == 3)
        let taken = try run(scratch, "put", scratch["other"], "--as", "/set/one")
        #expect(taken.status == 4 && taken.errors.contains("/set/one"), "\(taken)")
        #expect(try run(scratch, "put", scratch["other"] + "@nowhere").status == 6)
        let job = try run(scratch, "-f", scratch["no-such-job"])
        #expect(job.status == 2 && job.errors.contains("no-such-job"), "\(job)")
    }

    @Test func aStoreInUseIsRefusedWithItsOwner() throws {
        let scratch = try Scratch()
        let owner = try Job(3, "daft-run", ["--store", scratch["s"]], input: "!sleep 20\n")
        while !FileManager.default.fileExists(atPath: scratch["s.1/.daft/lock"]) { usleep(20_000) }
        usleep(300_000)
        let second = try Job(3, "daft-run", ["--store", scratch["s"], "ls"]).end()
        #expect(second.status == 7, "\(second)")
        #expect(owner.ranks().contains { second.errors.contains("\($0)") }, "\(second)")
        owner.signal(SIGTERM)
        #expect(owner.end().seconds < 15)
    }

    @Test func moreRanksThanCoresWork() throws {
        let scratch = try Scratch()
        try scratch.makeTree("set")
        let ended = try Job(16, "daft-run", ["--store", scratch["s"], "bcast", scratch["set"]]).end(withinSeconds: 120)
        #expect(ended.status == 0, "\(ended)")
        #expect(try scratch.changes(from: "set", to: "s.14/set", permissions: false) == "")
    }
}
