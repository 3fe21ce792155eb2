// A file system whose power can be cut: ext4 or xfs in a file, mounted for one test. The cut is the kernel's own
// shutdown of a file system: from then on every call is an error, what is only in memory never reaches the file, and
// the next mount recovers the journal, as after a loss of power.

import Foundation
import Glibc
import TestPrograms

final class PowerDisk {
    enum Filesystem: String, CaseIterable, Sendable {
        case ext4, xfs

        /// What makes one in a file.
        fileprivate var maker: [String] {
            self == .ext4 ? ["/usr/sbin/mkfs.ext4", "-q", "-F"] : ["/usr/sbin/mkfs.xfs", "-q", "-f"]
        }
    }

    struct Trouble: Error {
        let what: String
    }

    /// Less is no xfs; the file has holes where nothing was written.
    private static let bytes: off_t = 320 << 20
    /// The ioctl behind `xfs_io -x -c shutdown`, and its argument: nothing that is in memory is written any more.
    private static let shutdown: UInt = 0x8004_587d
    private static let withoutFlush: UInt32 = 2

    /// Whether this machine has what it takes: root, loop devices, and what makes the file systems.
    static let areThere = Filesystem.allCases.allSatisfy { (try? PowerDisk($0)) != nil }

    /// The file lies in memory where that can be had, as does all else of a trial: whether a write has reached it is
    /// all that counts, and nobody waits for a disk.
    static let memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

    /// Where it is mounted.
    let path: String
    private let filesystem: Filesystem
    private let folder: String
    private var cuts = 0

    init(_ filesystem: Filesystem) throws {
        self.filesystem = filesystem
        folder = PowerDisk.memory + "/daft-power-disk-\(UInt64.random(in: 0 ... .max))"
        path = folder + "/disk"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
        let file = open(image, O_WRONLY | O_CREAT | O_CLOEXEC, 0o600)
        defer { close(file) }
        guard ftruncate(file, PowerDisk.bytes) == 0 else { throw Trouble(what: "no file of that size") }
        try run(filesystem.maker + [image])
        try mount()
    }

    deinit {
        // Whatever still has a file open there: the mount goes, and the rest with its last user.
        umount2(path, Int32(MNT_DETACH))
        try? FileManager.default.removeItem(atPath: folder)
    }

    private var image: String { "\(folder)/image\(cuts)" }

    private func mount() throws {
        try run(["/usr/bin/mount", "-o", filesystem == .xfs ? "loop,nouuid" : "loop", image, path])
    }

    private func run(_ words: [String]) throws {
        let said = folder + "/said"
        let ended = try Running(
            words[0], Array(words[1...]), in: "/tmp", input: "/dev/null", output: said, errors: said
        ).wait()
        if ended.status != 0 { throw Trouble(what: "\(words): status \(ended.status): \(ended.errors)") }
    }

    /// What stands there now is there after a cut, too.
    func sync() throws {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(directory) }
        guard fsync(directory) == 0 else { throw Trouble(what: "fsync: \(errno)") }
    }

    func cut() throws {
        let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        defer { close(directory) }
        var flag = PowerDisk.withoutFlush
        guard ioctl(directory, PowerDisk.shutdown, &flag) == 0 else { throw Trouble(what: "shutdown: \(errno)") }
    }

    /// Mounts it again, once nobody uses it any more; from a copy, since what is cut may live on as long as anybody's
    /// name space of mounts that began meanwhile, and would be mounted as it is.
    func comeBack() throws {
        guard soon({ umount2(path, 0) == 0 }) else { throw Trouble(what: "still in use: \(errno)") }
        let old = image
        cuts += 1
        try run(["/usr/bin/cp", "--sparse=always", old, image])
        unlink(old)
        try mount()
    }
}
