// Exclusive ownership of a store: a file lock for the process's life, with the owner's pid for error messages.

import DaftModel
import DaftTrust
import Glibc

final class StoreLock: Sendable {
    private let file: Descriptor
    private let path: [UInt8]

    init(_ paths: Paths, bootID: [UInt8]) throws(Failure) {
        let place = Location(paths.own, Array("lock".utf8))
        path = paths.directory + Array("/.daft/lock".utf8)
        do {
            file = try Disk().create(place, mode: paths.sharing.ownMode, exclusive: false)
            if paths.sharing.isOn, try file.status().owner == geteuid() { try file.setMode(paths.sharing.ownMode) }
        } catch { throw error.failure(path) }
        guard try StoreLock.isFree(file, path) else {
            throw Failure(.locked, paths.directory, StoreLock.reason(of: file, here: bootID))
        }
        do throws(SystemError) {
            let text = Array("\(getpid()) ".utf8) + bootID + Array("\n\(StoreLock.host)\n\(userName(geteuid()))\n".utf8)
            try system("ftruncate") { ftruncate(file.number, 0) }
            try text.withUnsafeBufferPointer { (bytes) throws(SystemError) in
                try Disk().write(UnsafeRawBufferPointer(bytes), to: file, at: 0)
            }
        } catch { throw error.failure(path) }
    }

    /// Whether the store was removed, moved or replaced.
    var isGone: Bool { DaftTrust.isGone(file.number, from: path) }

    // Unlock explicitly: a child being started may still hold a copy of the descriptor.
    deinit { flock(file.number, LOCK_UN) }

    private static func isFree(_ file: Descriptor, _ path: [UInt8]) throws(Failure) -> Bool {
        do {
            try system("flock") { flock(file.number, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            if error.code == EWOULDBLOCK { return false }
            guard [ENOLCK, EOPNOTSUPP, ENOSYS].contains(error.code) else { throw error.failure(path) }
            throw Failure(
                .failed, path,
                "this filesystem locks no files, and two nodes could write into one store: "
                    + "name a directory on a local disk with --store")
        }
    }

    /// Describes the owner; another boot id means another node that shares the filesystem.
    private static func reason(of file: Descriptor, here bootID: [UInt8]) -> String {
        // The lock is held, even if its owner cannot be read.
        let lines = ((try? file.start(400)) ?? []).split(separator: 0x0a)
        let digits = (lines.first ?? []).prefix { $0 != 0x20 }
        let process = digits.isEmpty ? "unknown" : shown(Array(digits))
        let isElsewhere = lines.count > 1 && !lines[0].dropFirst(digits.count + 1).elementsEqual(bootID)
        if lines.count > 2, !lines[2].elementsEqual(userName(geteuid()).utf8) {
            return
                "in use by \(shown(Array(lines[2]))) on \(shown(Array(lines[1]))), process \(process): the members "
                + "of a group take turns; wait for the end of that daft"
        }
        guard isElsewhere else {
            return "in use by another daft, process \(process): wait for its end or use another --store"
        }
        return "in use on \(shown(Array(lines[1]))), by process \(process) there: each node needs a store of its own; "
            + "name a directory on a local disk with --store"
    }

    private static var host: String {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, name.count - 1)
        return String(decoding: bytes(ofC: name).filter { $0 > 0x20 }, as: UTF8.self)
    }

    /// The kernel's boot id, which changes with every reboot.
    static func currentBootID() throws(Failure) -> [UInt8] {
        let path = Array("/proc/sys/kernel/random/boot_id".utf8)
        do throws(SystemError) {
            let file = Descriptor(
                try withCString(path) { (path) throws(SystemError) in
                    try system("open") { open(path, O_RDONLY | O_CLOEXEC) }
                })
            return Array(try file.start(64).prefix { $0 != 0x0a })
        } catch { throw error.failure(path) }
    }
}

extension Descriptor {
    /// The first `count` bytes, or fewer.
    fileprivate func start(_ count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let found = try bytes.withUnsafeMutableBufferPointer { (memory) throws(SystemError) in
            try read(into: UnsafeMutableRawBufferPointer(memory), at: 0)
        }
        return Array(bytes.prefix(found))
    }
}
