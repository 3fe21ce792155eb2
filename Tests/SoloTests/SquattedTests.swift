// Directories that another user has created where daft's would be: each is refused and nothing is written to it. With
// two users, which takes root.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.enabled(if: geteuid() == 0, "only root can act as two users")) struct SquattedTests {
    private static let (me, other): (uid_t, uid_t) = (54_321, 54_322)
    private let scratch: Scratch
    /// Like /tmp.
    private var tmp: String { scratch.path + "/tmp" }
    private var store: String { tmp + "/daft-\(Self.me)" }

    init() throws {
        scratch = try Scratch()
        #expect(chmod(scratch.path, 0o755) == 0)
        #expect(mkdir(tmp, 0o700) == 0 && chmod(tmp, 0o1777) == 0)
        try scratch.write("set/a", [1, 2, 3])
    }

    /// As the user `me`, with the default store.
    private func run(_ arguments: String...) throws -> Ended {
        let account = ["--reuid=\(Self.me)", "--regid=\(Self.me)", "--clear-groups"]
        let line = ["env", "TMPDIR=\(tmp)", builtProgram("daft-solo"), "-np", "1", "--hosts", "n1"] + arguments
        return try scratch.start(program: "/usr/bin/setpriv", account + line).wait()
    }

    private func make(_ path: String, by owner: uid_t, mode: mode_t = 0o777) {
        #expect(mkdir(path, 0o700) == 0 && chmod(path, mode) == 0 && chown(path, owner, owner) == 0)
    }

    private func leaves(of path: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: path)
    }

    @Test func aStoreThatAnotherUserHasMadeIsRefused() throws {
        make(store + "-n1", by: Self.other)
        let ended = try run("put", scratch.path + "/set")
        #expect(ended.status == 1, "\(ended)")
        #expect(
            ended.errors == "daft: n1:\(store)-n1: it belongs to uid \(Self.other), who could replace what is in it: "
                + "choose another directory with --store DIR\n", "\(ended)")
        #expect(try leaves(of: store + "-n1") == [])
    }

    @Test func aCatalogueThatAnotherUserHasMadeIsRefused() throws {
        make(store + ".mds", by: Self.other)
        let ended = try run("put", scratch.path + "/set")
        #expect(ended.status == 1, "\(ended)")
        #expect(ended.errors.contains("\(store).mds: it belongs to uid \(Self.other), "), "\(ended)")
        #expect(ended.errors.contains("choose another directory with --catalogue DIR"), "\(ended)")
        #expect(try leaves(of: store + ".mds") == [])
    }

    @Test(arguments: ["-n1", ".mds"]) func aSymlinkOfAnotherUserIsNotFollowed(end: String) throws {
        make(scratch.path + "/mine", by: Self.me, mode: 0o700)
        #expect(symlink(scratch.path + "/mine", store + end) == 0 && lchown(store + end, Self.other, Self.other) == 0)
        let ended = try run("put", scratch.path + "/set")
        #expect(ended.status == 1, "\(ended)")
        #expect(ended.errors.contains("\(store)\(end): \(store)\(end), in its path, is a symlink of uid"), "\(ended)")
        #expect(try leaves(of: scratch.path + "/mine") == [])
    }

    @Test func whatIsMadeIsForItsOwnerAloneWhateverTheUmask() throws {
        let old = umask(0)
        defer { umask(old) }
        let ended = try run("put", scratch.path + "/set")
        #expect(ended.status == 0 && ended.errors == "", "\(ended)")
        let find = try scratch.start(
            program: "/usr/bin/find", [store + "-n1/.daft", store + ".mds", "-perm", "/077", "!", "-name", "*-???"])
        #expect(find.wait().output == "")
        for path in [store + "-n1", store + ".mds"] {
            var status = stat()
            #expect(stat(path, &status) == 0 && status.st_mode & 0o7777 == 0o700)
        }
    }

    @Test func aStoreThatOthersMayReadIsUsedAndSaidOnce() throws {
        make(store + "-n1", by: Self.me, mode: 0o755)
        let ended = try run("put", scratch.path + "/set")
        #expect(ended.status == 0, "\(ended)")
        let line = "daft: warning: n1:\(store)-n1: others may look into it (mode 0755); if they should not: chmod 700 "
        #expect(ended.errors == "\(line)\(store)-n1\n", "\(ended)")
        // Publishing as the root does not open it either.
        #expect(chmod(store + "-n1", 0o700) == 0 && chmod(scratch.path + "/set", 0o777) == 0)
        #expect(try run("put", scratch.path + "/set", "--as", "/").status == 0)
        #expect(try run("ls").errors == "")
    }

    @Test func aStoreThatOthersMayWriteIsRefused() throws {
        make(store + "-n1", by: Self.me, mode: 0o775)
        let ended = try run("ls")
        #expect(ended.status == 1 && ended.errors.contains("others may write into it (mode 0775)"), "\(ended)")
    }
}
