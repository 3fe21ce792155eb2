// Opening trusted directories over real directories and symlinks: what is opened, created and refused.

import DaftModel
import DaftTrust
import Foundation
import Glibc
import Testing

private let other: uid_t = 65_534

@Suite final class OwnDirectoryTests {
    private let place = "/tmp/daft-trust-test-\(UInt64.random(in: 0 ... .max))"

    init() { mkdir(place, 0o700) }

    deinit { try? FileManager.default.removeItem(atPath: place) }

    private func path(_ name: String) -> [UInt8] { Array((place + name).utf8) }

    /// The inode of the opened directory.
    private func inode(_ path: [UInt8], isMade: Bool = false, for use: DirectoryUse = .store) throws -> ino_t {
        let found = try OwnDirectory(path, for: use, isMade: isMade)
        defer { close(found.number) }
        var status = stat()
        #expect(fstat(found.number, &status) == 0)
        return status.st_ino
    }

    private func status(_ name: String) -> stat {
        var status = stat()
        #expect(stat(place + name, &status) == 0, "\(name)")
        return status
    }

    private func refusal(_ name: String, for use: DirectoryUse = .store, isMade: Bool = false) -> String {
        do throws(Failure) {
            close(try OwnDirectory(path(name), for: use, isMade: isMade).number)
            return ""
        } catch {
            return error.reason
        }
    }

    @Test func everyWayOfWritingAPathLeadsToTheSameDirectory() throws {
        mkdir(place + "/a", 0o700)
        mkdir(place + "/a/b", 0o700)
        symlink("a/b", place + "/relative")
        symlink(place + "/a", place + "/absolute")
        symlink("../absolute/./b/../b", place + "/a/long")
        let inode = status("/a/b").st_ino
        for name in ["/a/b", "/a//b/", "/./a/../a/b", "/relative", "/absolute/b", "/a/long", "/relative/../b/."] {
            #expect(try self.inode(path(name)) == inode, "\(name)")
        }
        let here = try #require(getcwd(nil, 0))
        defer { free(here) }
        let depth = String(cString: here).split(separator: "/").count
        let relative = String(repeating: "../", count: depth) + place.dropFirst() + "/a/b"
        #expect(try self.inode(Array(relative.utf8)) == inode)
    }

    @Test func whatIsMissingIsMadeForItsOwnerAlone() throws {
        let old = umask(0)
        defer { umask(old) }
        _ = try inode(path("/x/y/z"), isMade: true)
        for name in ["/x", "/x/y", "/x/y/z"] { #expect(status(name).st_mode & 0o7777 == 0o700) }
        #expect(refusal("/none") == "no such file or directory")
    }

    @Test func aFileOrACircleOfSymlinksIsNoDirectory() {
        close(creat(place + "/file", 0o600))
        symlink("circle", place + "/circle")
        #expect(refusal("/file/x", isMade: true) == "a part of the path is no directory")
        #expect(refusal("/file") == "a part of the path is no directory")
        #expect(refusal("/circle/x", isMade: true).contains("symbolic links"))
    }

    @Test(.enabled(if: geteuid() == 0, "only root can give directories away"))
    func whatIsAnothersIsRefusedAndNothingIsMadeBehindIt() throws {
        mkdir(place + "/squatted", 0o700)
        chmod(place + "/squatted", 0o777)
        chown(place + "/squatted", other, other)
        mkdir(place + "/mine", 0o700)
        symlink(place + "/mine", place + "/lead")
        lchown(place + "/lead", other, other)
        let name = userName(other)
        for use in [DirectoryUse.store, .catalogue, .door(isNamed: false)] {
            #expect(refusal("/squatted", for: use).hasPrefix("it belongs to \(name), who could replace"))
            #expect(refusal("/lead", for: use).contains("is a symlink of \(name)"))
        }
        #expect(refusal("/squatted/store", isMade: true).contains("/squatted, in its path, belongs to \(name)"))
        #expect(refusal("/lead/store", isMade: true).contains("is a symlink of \(name)"))
        #expect(access(place + "/squatted/store", F_OK) != 0 && access(place + "/mine/store", F_OK) != 0)
        // Root named it.
        #expect(refusal("/squatted", for: .door(isNamed: true)).hasPrefix("others may write"))
        chmod(place + "/squatted", 0o700)
        #expect(refusal("/squatted", for: .door(isNamed: true)) == "")
    }

    @Test func whatOthersMayWriteIsRefusedAndWhatTheyMayReadIsSaid() throws {
        mkdir(place + "/d", 0o700)
        for mode in [0o770, 0o707, 0o1777] as [mode_t] {
            chmod(place + "/d", mode)
            #expect(refusal("/d").hasPrefix("others may write into it (mode "))
        }
        chmod(place + "/d", 0o755)
        let found = try OwnDirectory(path("/d"), for: .store)
        defer { close(found.number) }
        #expect(found.warning?.reason.contains("others may look into it (mode 0755)") == true)
        try closeToOthers(found.number, path("/d"), for: .store)
        #expect(status("/d").st_mode & 0o7777 == 0o700)
    }
}
