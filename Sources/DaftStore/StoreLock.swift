// One owner for a store: a file lock held for life, with the owner's pid inside for whoever is refused.

import DaftCore
import DaftTrust
import Glibc

final class StoreLock: Sendable {
    private let file: Descriptor
    private let path: [UInt8]

    init(_ paths: Paths, bootID: [UInt8]) throws(Failure) {
        let place = Place(paths.own, Array("lock".utf8))
        path = paths.directory + Array("/.daft/lock".utf8)
        do {
            file = try Disk().create(place, mode: 0o600, exclusive: false)
        } catch { throw error.failure(path) }
        guard try StoreLock.isFree(file, path) else {
            throw Failure(
                .locked, paths.directory,
                "in use by another daft, process \(StoreLock.owner(file)): wait for its end or use another --store")
        }
        do throws(SystemError) {
            let text = Array("\(getpid()) ".utf8) + bootID + [0x0a]
            try system("ftruncate") { ftruncate(file.number, 0) }
            try text.withUnsafeBufferPointer { (bytes) throws(SystemError) in
                try Disk().write(UnsafeRawBufferPointer(bytes), to: file, at: 0)
            }
        } catch { throw error.failure(path) }
    }

    /// Somebody has removed or moved the store, or put another in its place.
    var isGone: Bool { DaftTrust.isGone(file.number, from: path) }

    // Closing the file alone would leave the lock to a child that is just being started and has not closed its copy.
    deinit { flock(file.number, LOCK_UN) }

    private static func isFree(_ file: Descriptor, _ path: [UInt8]) throws(Failure) -> Bool {
        do {
            try system("flock") { flock(file.number, LOCK_EX | LOCK_NB) }
            return true
        } catch {
            if error.code == EWOULDBLOCK { return false }
            throw error.failure(path)
        }
    }

    private static func owner(_ file: Descriptor) -> String {
        let digits = ((try? file.start(20)) ?? []).prefix { $0 != 0x20 }
        return digits.isEmpty ? "unknown" : shown(digits)
    }

    /// The id of this run of the kernel: it changes when power was lost.
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
    /// The first `count` bytes, or what there is.
    fileprivate func start(_ count: Int) throws(SystemError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: count)
        let found = try bytes.withUnsafeMutableBufferPointer { (memory) throws(SystemError) in
            try read(into: UnsafeMutableRawBufferPointer(memory), at: 0)
        }
        return Array(bytes.prefix(found))
    }
}
