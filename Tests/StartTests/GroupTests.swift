// A workstation system with a store shared by a group: members start it in turn, and nobody can have another member's
// process read or write files. With two users, which takes root.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(3)), .enabled(if: Account.areThere, "only root can act as two users"))
struct GroupTests {
    private let site: Site
    private let alice = Account.members[0]
    private let bob = Account.members[1]

    init() throws {
        site = try Site()
        #expect(chmod(site.path, 0o1777) == 0 && chmod(site.path + "/ssh", 0o755) == 0)
        let hosts = try site.hosts("n1")
        #expect(chmod(hosts, 0o644) == 0)
        for account in [alice, bob] {
            let home = "\(site.path)/\(account.name)"
            #expect(mkdir(home, 0o700) == 0 && chown(home, account.user, account.user) == 0)
        }
        let script = "#!/bin/sh\nwhile [ \"$1\" != -- ]; do shift; done\nexec sh -c \"$3\"\n"
        try script.write(toFile: site.path + "/ssh", atomically: false, encoding: .utf8)
    }

    private func daft(as account: Account, _ words: String..., input: String = "") throws -> Ended {
        let home = "\(site.path)/\(account.name)"
        let variables = [
            "HOME=\(home)", "TMPDIR=\(site.path)", "DAFT_STORE=\(site.path)/st", "DAFT_GROUP=\(Account.group)",
            "DAFT_SSH=\(site.path)/ssh",
        ]
        let piped = ["sh", "-c", "printf %s \"$0\" | \"$@\"", input]
        let line = account.words + (input.isEmpty ? [] : piped) + [builtProgram("daft")] + words
        let mark = UInt64.random(in: 0 ... .max)
        let one = try Running(
            line[0], Array(line.dropFirst()), in: "/", variables: variables, input: "/dev/null",
            output: "\(site.path)/out\(mark)", errors: "\(site.path)/err\(mark)")
        defer { one.end() }
        return one.wait()
    }

    private func write(_ name: String, of account: Account) throws -> String {
        let path = "\(site.path)/\(account.name)/\(name)"
        try "of \(account.name)".write(toFile: path, atomically: false, encoding: .utf8)
        #expect(chown(path, account.user, account.user) == 0 && chmod(path, 0o600) == 0)
        return path
    }

    private func run(as account: Account, _ body: () throws -> Void) throws {
        let start = try daft(as: account, "start", site.path + "/hosts")
        #expect(start.status == 0, "\(start)")
        try body()
        #expect(try daft(as: account, "quit").status == 0)
        #expect(soon { site.nodes.isEmpty })
    }

    @Test func oneAfterAnotherStartsASystemOnTheStore() throws {
        let (mine, others) = (try write("a", of: alice), try write("b", of: bob))
        try run(as: alice) { () throws in
            #expect(try daft(as: alice, "put", mine).status == 0)
            #expect(try daft(as: alice, "put", "-", "--as", "/piped", input: "through a pipe").status == 0)
        }
        try run(as: bob) { () throws in
            let home = "\(site.path)/\(bob.name)"
            #expect(try daft(as: bob, "put", others).status == 0)
            #expect(try daft(as: bob, "get", "/a", "/piped", "--to", home).status == 0)
            #expect(site.text(home + "/a") == "of \(alice.name)" && site.text(home + "/piped") == "through a pipe")
        }
        try run(as: alice) { () throws in
            #expect(try daft(as: alice, "get", "/b", "--to", "\(site.path)/\(alice.name)/").status == 0)
            #expect(site.text("\(site.path)/\(alice.name)/b") == "of \(bob.name)")
            #expect(try daft(as: alice, "verify").status == 0)
        }
    }

    @Test func aMembersSystemServesNoOtherMember() throws {
        let secret = try write("secret", of: alice)
        try run(as: alice) { () throws in
            for word in ["ls", "quit"] { #expect(try daft(as: bob, word).status == 7) }
            let put = try daft(as: bob, "put", secret, "--as", "/secret")
            #expect(put.status == 7 && put.output == "", "\(put)")
            #expect(put.errors.contains("in use by \(alice.name) (uid \(alice.user)) on "), "\(put)")
            #expect(put.errors.contains("read the files that stand there"), "\(put)")
            let start = try daft(as: bob, "start", site.path + "/hosts")
            #expect(start.status == 1, "\(start)")
            #expect(start.errors.contains("in use by \(alice.name) (uid \(alice.user)), process "), "\(start)")
            #expect(try daft(as: alice, "ls").output == "")
            // Even if the door's modes would admit them.
            let own = "\(site.path)/st/.daft/user-\(alice.user)"
            #expect(modeAndOwner(own).hasPrefix("2700 ") && modeAndOwner(own + "/door").hasPrefix("600 "))
        }
    }
}
