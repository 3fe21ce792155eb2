// A filesystem whose power can be cut: ext4 or xfs in a file, mounted for one test. The cut is the kernel's filesystem
// shutdown: every call then fails, unwritten data is lost, and the next mount recovers the journal.

import Foundation
import Glibc
import TestPrograms

final class PowerDisk {
    enum Filesystem: String, CaseIterable, Sendable {
        case ext4, xfs

        /// The mkfs command.
        fileprivate var maker: [String] {
            self == .ext4 ? ["/usr/sbin/mkfs.ext4", "-q", "-F"] : ["/usr/sbin/mkfs.xfs", "-q", "-f"]
        }
    }

    struct Trouble: Error {
        let what: String
    }

    /// The minimum for xfs; the file is sparse.
    private static let bytes: off_t = 320 << 20
    /// The ioctl behind `xfs_io -x -c shutdown`, with the argument that drops unwritten data.
    private static let shutdown: UInt = 0x8004_587d
    private static let withoutFlush: UInt32 = 2

    /// Whether root, loop devices and mkfs programs are available.
    static let areThere = Filesystem.allCases.allSatisfy { (try? PowerDisk($0)) != nil }

    /// The image is in memory if possible: only whether a write reached it matters, and no disk is waited for.
    static let memory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"

    /// The mount point.
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
        // Lazy unmount: the mount goes now, the rest with its last user.
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

    /// Makes everything durable that exists now.
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

    /// Mounts it again once unused. Uses a copy, since the filesystem may stay alive in mount namespaces created
    /// meanwhile, and would be mounted in its dead state.
    func comeBack() throws {
        guard soon({ umount2(path, 0) == 0 }) else { throw Trouble(what: "still in use: \(errno)") }
        let old = image
        cuts += 1
        try run(["/usr/bin/cp", "--sparse=always", old, image])
        unlink(old)
        try mount()
    }
}
