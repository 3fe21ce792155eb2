// The local directory of a job: the same on all nodes, and checked for free space before anything is transferred.

import Foundation
import Testing

@Suite(.serialized) struct LocalDirectoryTests {
    @Test func isWhatTheFirstRanksEnvironmentSaysOnAllNodes() throws {
        let scratch = try Scratch()
        // The batch system sets its variables on the first node only; the others have different ones.
        let script = """
            if [ $OMPI_COMM_WORLD_RANK = 0 ]; then export SLURM_JOB_ID=77 $1="$0"; else export TMPDIR=/none; fi
            shift; exec "$@"
            """
        for (variable, place) in [("SLURM_TMPDIR", "/daft"), ("TMPDIR", "/daft-root-77")] {
            let starter = ["sh", "-c", script, scratch.path, variable]
            let ended = try Job(3, "daft-run", ["ls", "-n"], starter: starter).end()
            #expect(ended.status == 0, "\(ended)")
            let user = NSUserName()
            let directory = scratch.path + place.replacingOccurrences(of: "root", with: user)
            #expect(ended.output.contains(" \(directory)\n") && ended.output.contains(" \(directory).1\n"), "\(ended)")
        }
    }

    @Test func aStoreInMemoryIsSaidUnlessItWasChosen() throws {
        let path = "/dev/shm/daft-test-\(UInt64.random(in: 0 ... .max))"
        defer { for end in ["", ".mds"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let chosen = try Job(2, "daft-run", ["--store", path, "ls"]).end()
        #expect(chosen.status == 0 && chosen.errors == "", "\(chosen)")
        let said = try Job(2, "daft-run", ["--store", path, "-v", "ls"]).end()
        #expect(said.errors.contains("daft: warning: ") && said.errors.contains("\(path): on tmpfs: "), "\(said)")
    }

    @Test(.enabled(if: PretendedNodes.areAllowed)) func whatHasNoRoomIsRefusedBeforeItMoves() throws {
        let scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch["set"], withIntermediateDirectories: true)
        for name in ["a", "b"] { try scratch.makeFile("set/\(name)", bytes: name == "a" ? 15 << 20 : 16 << 20) }
        let script = """
            node=n$((OMPI_COMM_WORLD_RANK > 0 ? OMPI_COMM_WORLD_RANK : 1))
            hostname $node; mkdir -p $0-$node; export DAFT_STORE=$0-$node
            [ $OMPI_COMM_WORLD_RANK = 2 ] && mount -t tmpfs -o mode=700,size=24m none $0-$node
            exec "$@"
            """
        func run(_ lines: String) throws -> JobEnd {
            let starter = ["unshare", "--uts", "--mount", "sh", "-c", script, scratch["s"]]
            return try Job(3, "daft-run", ["--json"], starter: starter, input: lines).end()
        }
        let refused = try run("bcast \(scratch["set"])\nput \(scratch["set"])@n2\nls\n")
        let failures = refused.rows.filter { $0["type"] as? String == "failure" }
        #expect(failures.count == 2 && failures.allSatisfy { $0["node"] as? String == "n2" }, "\(refused)")
        #expect(failures.allSatisfy { ($0["reason"] as? String)?.hasPrefix("no room: 31.0 MiB comes") == true })
        #expect(!refused.rows.contains { $0["type"] as? String == "entry" }, "\(refused)")
        let set = scratch["set"]
        let some = try run("bcast \(set)/a\nput \(set)@n1\nfetch /set@n2\nbcast /set\nfetch /set/b@n2\nfetch /a@n2\n")
        let lines = some.rows.filter { $0["type"] as? String == "failure" }
        #expect(lines.compactMap { $0["command"] as? String } == ["fetch", "bcast", "fetch"], "\(some)")
        #expect(lines.allSatisfy { $0["kind"] as? String == "noSpace" }, "\(some)")
    }
}
