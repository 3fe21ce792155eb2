// Doors between users: clients refuse other users' doors, data servers refuse other users, and root may use a door that
// it names. With two users, which takes root.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: geteuid() == 0, "only root can act as two users"))
struct OtherUsersTests {
    private static let (me, other): (uid_t, uid_t) = (54_321, 54_322)

    private func account(_ user: uid_t) -> [String] {
        ["/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", "--clear-groups"]
    }

    /// A client of the user `me` that does not name the store.
    private func daft(_ words: [String], of job: Job) throws -> Ended {
        let line = account(Self.me) + ["env", "TMPDIR=\(job.path)/tmp", builtProgram("daft")] + words
        return try Running(
            line[0], Array(line.dropFirst()), in: "/", input: "/dev/null", output: job.path + "/.me.out",
            errors: job.path + "/.me.err"
        ).wait()
    }

    @Test func aClientObeysNoDoorOfAnotherUser() throws {
        let job = try Job(store: "tmp/daft-\(Self.me)")
        #expect(mkdir(job.path + "/tmp", 0o700) == 0 && chmod(job.path + "/tmp", 0o1777) == 0)
        try job.serve(as: account(Self.other))
        // With open permissions, as an attacker would set them.
        for place in [job.store, job.store + ".mds"] { #expect(chmod(place, 0o755) == 0) }
        #expect(chmod(job.store + "/.daft", 0o755) == 0)
        for door in ["/.daft/door", ".mds/door"] { #expect(chmod(job.store + door, 0o777) == 0) }
        for words in [["ls"], ["wait", "--timeout", "2s"]] {
            let ended = try daft(words, of: job)
            #expect(ended.status == 1 && ended.output == "", "\(ended)")
            #expect(
                ended.errors.contains("\(job.store), in its path, belongs to uid \(Self.other), who could replace"),
                "\(ended)")
        }
        // Root named it.
        let named = try job.daft("status")
        #expect(named.status == 0 && named.output.contains("data servers  2 alive"), "\(named)")
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func aDataServerServesNoOtherUser() throws {
        let job = try Job(store: "tmp/daft-\(Self.me)")
        #expect(mkdir(job.path + "/tmp", 0o755) == 0)
        try job.serve()
        // Without any other protection. Root owns the door, so clients accept it.
        for place in [job.store, job.store + "/.daft"] { #expect(chmod(place, 0o755) == 0) }
        #expect(chmod(job.store + "/.daft/door", 0o777) == 0)
        let ended = try daft(["ls"], of: job)
        #expect(ended.status == 6 && ended.output == "", "\(ended)")
        #expect(try job.daft("ls").status == 0)
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }
}
