// The hidden sibling in which a target file is filled: a sparse file of the final size with each chunk at its offset.
// An interrupted `get` leaves it for the next one. It is locked while written, so that two runs do not mix.

import CLinux
import DaftModel
import Glibc

struct TargetPartial: Sendable {
    let file: Descriptor
    /// Whether it held bytes when it was opened.
    let isUsed: Bool
    private let target: TargetLocation

    private static let ending = Array(".daft-partial".utf8)
    private static let longestName = 255

    static func isPath(_ path: [UInt8]) -> Bool {
        guard path.suffix(ending.count).elementsEqual(ending) else { return false }
        let name = path[(path.lastIndex(of: slash).map { $0 + 1 } ?? 0)...]
        return name.first == UInt8(ascii: ".") && name.count > ending.count + 1
    }

    static func name(for name: [UInt8]) -> [UInt8] {
        let whole = [UInt8(ascii: ".")] + name + ending
        if whole.count <= longestName { return whole }
        let mark = Array("-\(digest(of: name).hex.prefix(16))".utf8)
        return whole.prefix(longestName - mark.count - ending.count) + mark + ending
    }

    /// Opens or creates the partial; nil if it does not exist and `create` is false.
    static func open(for target: TargetLocation, create: Bool) throws(Failure) -> TargetPartial? {
        do {
            guard let (file, status) = try locked(target.partial, create: create) else { return nil }
            return TargetPartial(file: file, isUsed: status.size > 0, target: target)
        } catch {
            if error.code == EWOULDBLOCK { throw Failure(.locked, target.path, "is being written by another get") }
            throw error.failure(target.path)
        }
    }

    /// Retries if the file was renamed or removed between opening and locking. If it has a second hard link or is no
    /// regular file, its name is removed and a new partial is begun.
    private static func locked(
        _ place: TargetLocation, create: Bool
    ) throws(SystemError) -> (Descriptor, Status)? {
        for _ in 0..<20 {
            guard let file = try opened(place, create: create) else { return nil }
            if flock(file.number, LOCK_EX | LOCK_NB) != 0, errno == EWOULDBLOCK { break }
            let status = try file.status()
            // Another process has removed it since: retry.
            guard let now = try? statusAt(place.directory.number, place.name) else { continue }
            guard (now.device, now.inode) == (status.device, status.inode) else { continue }
            if status.isFile, status.links == 1 { return (file, status) }
            place.remove()
        }
        throw SystemError(code: EWOULDBLOCK, call: "flock")
    }

    private static func opened(_ place: TargetLocation, create: Bool) throws(SystemError) -> Descriptor? {
        do {
            let flags = O_RDWR | O_NOFOLLOW | O_NONBLOCK | (create ? O_CREAT : 0)
            return try openAt(place.directory.number, place.name, flags, mode: 0o600)
        } catch {
            if error.isNotFound, !create { return nil }
            throw error
        }
    }

    /// Zeros need not be written into a new file.
    func write(_ bytes: UnsafeRawBufferPointer, at offset: Int64) throws(SystemError) {
        if isUsed { return try file.write(bytes, at: offset) }
        try fill(bytes, at: offset) { (bytes, offset) throws(SystemError) in try file.write(bytes, at: offset) }
    }

    /// Makes it a reflink of `source`; nil if the filesystem cannot.
    func sharing(_ source: Descriptor) -> TargetPartial? {
        guard linux_clone(source.number, file.number) == 0 else { return nil }
        return TargetPartial(file: file, isUsed: true, target: target)
    }

    func resize(to size: Int64) throws(SystemError) {
        try system("ftruncate") { ftruncate(file.number, off_t(size)) }
    }

    /// Makes `range` read as zeros.
    func leaveHole(_ range: Range<Int64>) throws(SystemError) {
        if !isUsed || linux_punch_hole(file.number, range.lowerBound, range.upperBound - range.lowerBound) == 0 {
            return
        }
        let zeros = UnsafeMutableRawBufferPointer.allocate(byteCount: range.count, alignment: 16)
        defer { zeros.deallocate() }
        zeros.initializeMemory(as: UInt8.self, repeating: 0)
        try write(UnsafeRawBufferPointer(zeros), at: range.lowerBound)
    }

    /// Sets mode and mtime and renames it into place; if durable, after a sync.
    func finish(_ entry: Entry) throws(Failure) {
        do {
            try file.settle(entry, durable: target.isDurable)
            try withCString(target.partial.name) { (from) throws(SystemError) in
                _ = try withCString(target.name) { (to) throws(SystemError) in
                    try system("rename") { renameat(target.directory.number, from, target.directory.number, to) }
                }
            }
        } catch {
            // After a failed sync nothing in the file can be trusted.
            if error.call == "fsync" { remove() }
            if [EISDIR, ENOTEMPTY, EBUSY, EEXIST].contains(error.code) {
                throw target.taken("file", by: try target.status())
            }
            throw error.failure(target.path)
        }
    }

    func remove() { target.partial.remove() }
}
