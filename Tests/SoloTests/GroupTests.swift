// A store shared by a group, used by two members in turn and refused to a third user. With three users, which takes
// root.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.enabled(if: Account.areThere, "only root can act as three users of Debian's"))
struct GroupTests {
    private let scratch: Scratch
    private let alice = Account.members[0]
    private let bob = Account.members[1]
    private let outsider: Account
    private var tmp: String { scratch.path + "/tmp" }
    private var store: String { tmp + "/st" }

    init() throws {
        scratch = try Scratch()
        outsider = try #require(Account.outsider)
        #expect(chmod(scratch.path, 0o755) == 0)
        #expect(mkdir(tmp, 0o700) == 0 && chmod(tmp, 0o1777) == 0)
        for account in [alice, bob, outsider] {
            let home = tmp + "/" + account.name
            #expect(mkdir(home, 0o700) == 0 && chown(home, account.user, account.user) == 0)
        }
    }

    private func run(as account: Account, _ words: String..., group: String? = Account.group) throws -> Ended {
        let options = ["-np", "2", "--store", store] + (group.map { ["--group", $0] } ?? [])
        let line = account.words + [builtProgram("daft-solo")] + options + words
        return try scratch.start(program: line[0], Array(line.dropFirst())).wait()
    }

    private func succeed(as account: Account, _ words: [String], group: String? = Account.group) throws {
        let options = ["-np", "2", "--store", store] + (group.map { ["--group", $0] } ?? [])
        let line = account.words + [builtProgram("daft-solo")] + options + words
        let ended = try scratch.start(program: line[0], Array(line.dropFirst())).wait()
        #expect(ended.status == 0, "\(account.name) \(words): \(ended)")
    }

    /// A private file in a user's home.
    private func write(_ name: String, _ text: String, of account: Account, mode: mode_t = 0o600) throws -> String {
        let path = "\(tmp)/\(account.name)/\(name)"
        let folder = (path as NSString).deletingLastPathComponent
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        try Data(text.utf8).write(to: URL(fileURLWithPath: path))
        for place in [folder, path] { #expect(chown(place, account.user, account.user) == 0) }
        #expect(chmod(path, mode) == 0)
        return path
    }

    /// Like bit rot: only the bytes change.
    private func damage(_ path: String, at offset: UInt64) throws {
        var status = stat()
        #expect(stat(path, &status) == 0)
        let file = try FileHandle(forUpdating: URL(fileURLWithPath: path))
        try file.seek(toOffset: offset)
        try file.write(contentsOf: Data([0]))
        try file.close()
        #expect(utimensat(AT_FDCWD, path, [status.st_atim, status.st_mtim], 0) == 0)
    }

    private func text(_ path: String) throws -> String { try String(contentsOfFile: path, encoding: .utf8) }

    @Test func membersUseTheStoreInTurn() throws {
        _ = try write("set/a", "of alice", of: alice)
        let addition = try write("b", "of bob", of: bob)
        try succeed(as: alice, ["bcast", "\(tmp)/\(alice.name)/set", "--as", "/set"])
        try succeed(as: bob, ["bcast", addition, "--as", "/set/b"])
        try succeed(as: bob, ["get", "/set", "--to", "\(tmp)/\(bob.name)/set"])
        #expect(try text("\(tmp)/\(bob.name)/set/a") == "of alice")
        try succeed(as: alice, ["get", "/set/b", "--to", "\(tmp)/\(alice.name)/b"])
        #expect(try text("\(tmp)/\(alice.name)/b") == "of bob")
        for account in [alice, bob] { try succeed(as: account, ["verify"]) }
    }

    @Test func allThatIsMadeIsTheGroupsWhateverTheUmask() throws {
        let file = try write("set/a", "x", of: alice)
        try succeed(as: alice, ["bcast", (file as NSString).deletingLastPathComponent, "--as", "/set"])
        #expect(modeAndOwner(store + "/set") == "2775 \(alice.name) nogroup")
        for end in ["", "/.daft", "/.daft/partial"] {
            #expect(modeAndOwner(store + end) == "2770 \(alice.name) nogroup")
        }
        #expect(modeAndOwner(store + ".mds") == "2770 \(alice.name) nogroup")
        for end in ["/.daft/lock", "/.daft/store.sqlite", "/.daft/catalogue.sqlite", ".mds/catalogue.sqlite"] {
            #expect(modeAndOwner(store + end) == "660 \(alice.name) nogroup")
        }
        #expect(modeAndOwner(store + "/set/a") == "440 \(alice.name) nogroup")
        // alice's private directory is not shared.
        #expect(modeAndOwner(store + "/.daft/user-\(alice.user)") == "2700 \(alice.name) nogroup")
    }

    @Test func whatOneHasPublishedTheOtherHealsAndPublishesAnew() throws {
        let mine = try write("a", "the same", of: alice)
        let copy = try write("a", "the same", of: bob, mode: 0o755)
        try succeed(as: alice, ["bcast", mine, "--as", "/a"])
        #expect(unlink(store + "/a") == 0)
        try succeed(as: bob, ["verify"])
        #expect(modeAndOwner(store + "/a") == "440 \(bob.name) nogroup")
        // The other copy belongs to alice, and gets the mode of bob's file.
        try succeed(as: bob, ["bcast", copy, "--as", "/a"])
        for path in [store, store + ".1"] {
            #expect(modeAndOwner(path + "/a") == "555 \(bob.name) nogroup")
            #expect(try text(path + "/a") == "the same")
        }
        // Wrong bytes in another member's file.
        try damage(store + "/a", at: 6)
        try succeed(as: alice, ["verify"])
        #expect(try text(store + "/a") == "the same")
        try succeed(as: bob, ["verify"])
    }

    @Test func aMemberGoesOnWithWhatAnotherHasLeft() throws {
        let big = "\(tmp)/\(alice.name)/big"
        try noise(9 << 20).write(to: URL(fileURLWithPath: big))
        #expect(chmod(big, 0o644) == 0 && chmod("\(tmp)/\(alice.name)", 0o755) == 0)
        try succeed(as: alice, ["bcast", big, "--as", "/big"])
        // One chunk of alice's file is damaged without another copy: the file becomes a partial one.
        for path in [store, store + ".1"] {
            try damage(path + "/big", at: 5 << 20)
        }
        #expect(try run(as: bob, "verify").status == 5)
        #expect(!FileManager.default.fileExists(atPath: store + "/big"))
        // The rest belongs to bob now, and alice completes it.
        let partial = try FileManager.default.contentsOfDirectory(atPath: store + "/.daft/partial")
        #expect(partial.map { modeAndOwner("\(store)/.daft/partial/\($0)") } == ["660 \(bob.name) nogroup"])
        try succeed(as: alice, ["bcast", big, "--as", "/big"])
        #expect(modeAndOwner(store + "/big").contains(alice.name))
        try succeed(as: bob, ["verify"])
        #expect(FileManager.default.contentsEqual(atPath: big, andPath: store + "/big"))
    }

    @Test func noFileOfAMemberRunsAsAnother() throws {
        let program = try write("p", "#!/bin/sh", of: alice, mode: 0o4755)
        try succeed(as: alice, ["bcast", program, "--as", "/p"])
        try succeed(as: bob, ["get", "/p", "--to", "\(tmp)/\(bob.name)/p"])
        #expect(modeAndOwner("\(tmp)/\(bob.name)/p").hasPrefix("755 \(bob.name) "))
        #expect(unlink(store + "/p") == 0)
        try succeed(as: bob, ["verify"])
        #expect(modeAndOwner(store + "/p") == "555 \(bob.name) nogroup")
        #expect(modeAndOwner(store + ".1/p") == "555 \(alice.name) nogroup")
    }

    @Test func whoIsNoMemberIsRefused() throws {
        try succeed(as: alice, ["ls"])
        let ended = try run(as: outsider, "ls")
        #expect(ended.status == 2 && ended.errors.contains("is no member of the group nogroup"), "\(ended)")
        let unnamed = try run(as: outsider, "ls", group: nil)
        #expect(unnamed.status == 1 && unnamed.output == "", "\(unnamed)")
        let unknown = try run(as: alice, "ls", group: "no-such-group")
        #expect(unknown.status == 2 && unknown.errors.contains("there is no group `no-such-group`"), "\(unknown)")
    }

    @Test func aGroupThatIsNotNamedIsSaid() throws {
        try succeed(as: alice, ["ls"])
        for account in [alice, bob] {
            let ended = try run(as: account, "ls", group: nil)
            #expect(ended.status == 1 && ended.errors.contains("say --group nogroup; else"), "\(ended)")
        }
    }

    @Test func aDirectoryOfTheGroupThatAStrangerOwnsIsRefused() throws {
        // What a non-member would create in a world-writable directory of the group.
        #expect(mkdir(store + ".mds", 0o700) == 0 && chown(store + ".mds", outsider.user, Account.groupNumber) == 0)
        #expect(chmod(store + ".mds", 0o2770) == 0)
        let ended = try run(as: alice, "ls")
        #expect(ended.status == 1, "\(ended)")
        #expect(ended.errors.contains("it belongs to \(outsider.name) (uid \(outsider.user)), who could"), "\(ended)")
    }

    @Test func aStoreThatWasOnesAloneIsSharedByWhatItsOwnerIsTold() throws {
        let file = try write("a", "x", of: alice)
        try succeed(as: alice, ["bcast", file, "--as", "/a"], group: nil)
        #expect(
            modeAndOwner(store + "/a") == "400 \(alice.name) \(alice.name)" || modeAndOwner(store).hasPrefix("700 "))
        for _ in 0..<3 {
            let ended = try run(as: alice, "ls")
            #expect(ended.status == 1 && ended.errors.contains("is not shared by the group nogroup yet"), "\(ended)")
            let start = try #require(ended.errors.range(of: "chgrp -R"))
            let line = ended.errors[start.lowerBound...].split(separator: "\n")[0]
            let shell = alice.words + ["sh", "-c", String(line)]
            #expect(try scratch.start(program: shell[0], Array(shell.dropFirst())).wait().status == 0)
        }
        try succeed(as: alice, ["ls"])
        try succeed(as: bob, ["get", "/a", "--to", "\(tmp)/\(bob.name)/a"])
        try succeed(as: bob, ["verify"])
        #expect(try text("\(tmp)/\(bob.name)/a") == "x")
    }

    @Test func aSymlinkOfAMemberLeadsNobodyElsewhere() throws {
        try succeed(as: alice, ["ls"])
        let precious = try write("precious", "untouched", of: bob)
        let absent = "\(tmp)/\(bob.name)/absent"
        for end in [".mds/catalogue.sqlite", "/.daft/store.sqlite", "/.daft/lock"] {
            for target in [precious, absent] {
                let path = store + end
                #expect(rename(path, path + ".old") == 0 && symlink(target, path) == 0)
                #expect(lchown(path, alice.user, Account.groupNumber) == 0)
                let ended = try run(as: bob, "ls")
                #expect(ended.status != 0 && modeAndOwner(absent) == "nothing", "\(end): \(ended)")
                #expect(unlink(path) == 0 && rename(path + ".old", path) == 0)
            }
        }
        #expect(try text(precious) == "untouched" && modeAndOwner(precious).hasPrefix("600 "))
        try succeed(as: bob, ["ls"])
    }
}
