// On one filesystem with reflinks, nothing staged occupies space twice.

import Foundation
import Glibc
import TestPrograms
import Testing

@Suite(.serialized, .timeLimit(.minutes(2)), .enabled(if: PowerDisk.areThere, "needs root, loop devices and mkfs.xfs"))
struct ReflinkTests {
    private static let bytes = 40 << 20
    private let disk: PowerDisk

    init() throws { disk = try PowerDisk(.xfs) }

    private func daft(_ arguments: String...) throws -> Ended {
        try Running(
            builtProgram("daft-solo"), ["--store", disk.path + "/store", "-np", "2", "--no-progress"] + arguments,
            in: disk.path, input: "/dev/null", output: disk.path + "/out.txt", errors: disk.path + "/err.txt"
        ).wait(seconds: 60)
    }

    private func freeBytes() throws -> Int {
        try disk.sync()
        var space = statvfs()
        guard statvfs(disk.path, &space) == 0 else { throw PowerDisk.Trouble(what: "statvfs: \(errno)") }
        return Int(space.f_bfree) * Int(space.f_bsize)
    }

    private func bytes(_ name: String) -> Data? { FileManager.default.contents(atPath: "\(disk.path)/\(name)") }

    @Test func whatIsPutAndGotSharesItsBytes() throws {
        let data = try noise(Self.bytes)
        try data.write(to: URL(fileURLWithPath: disk.path + "/large"))
        let free = try freeBytes()
        #expect(try daft("put", "large").status == 0)
        #expect(try daft("get", "/large", "--to", "got").status == 0)
        #expect(bytes("store/large") == data && bytes("got") == data)
        #expect(try free - freeBytes() < 8 << 20)
    }

    /// A wrong clone is repaired from another store; the original stays until it is verified itself.
    @Test func aWrongChunkOfACloneComesFromElsewhere() throws {
        let data = try noise(Self.bytes)
        try data.write(to: URL(fileURLWithPath: disk.path + "/large"))
        #expect(try daft("bcast", "large").status == 0)
        let store = disk.path + "/store/large"
        var status = stat()
        #expect(stat(store, &status) == 0)
        let file = open(store, O_RDWR)
        #expect(pwrite(file, "wrong", 5, off_t(9 << 20)) == 5)
        var times = [status.st_atim, status.st_mtim]
        #expect(futimens(file, &times) == 0)
        close(file)
        let get = try daft("get", "/large", "--to", "got")
        #expect(get.status == 0, "\(get)")
        #expect(bytes("got") == data)
    }
}
