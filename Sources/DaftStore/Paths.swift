// Builds all paths inside DIR. Everything is opened relative to DIR and symlinks are never followed; last components
// are used relative to their open directory.

import CLinux
import DaftModel
import DaftTrust
import Glibc

struct Paths: Sendable {
    let directory: [UInt8]
    let root: Descriptor
    let own: Descriptor
    let partial: Descriptor
    let sharing: GroupModes
    /// A warning about DIR for the user.
    let warning: Failure?

    /// Creates DIR with parents, DIR/.daft and DIR/.daft/partial. Refuses existing directories that others can write
    /// to.
    init(_ directory: [UInt8], _ disk: Disk, group: UInt32? = nil) throws(Failure) {
        self.directory = directory
        sharing = GroupModes(group: group)
        let found = try OwnDirectory(directory, for: .store, group: group, isMade: true)
        root = Descriptor(found.number)
        warning = found.warning
        let ownPath = directory + Array("/.daft".utf8)
        own = try Paths.subdirectory(".daft", of: root, ownPath, disk, sharing)
        partial = try Paths.subdirectory("partial", of: own, ownPath + Array("/partial".utf8), disk, sharing)
    }

    var ownPath: [UInt8] {
        get throws(Failure) {
            sharing.isOn ? try currentPath(of: own.number) : directory + Array("/.daft".utf8)
        }
    }

    private static func subdirectory(
        _ leaf: StaticString, of base: Descriptor, _ path: [UInt8], _ disk: Disk, _ sharing: GroupModes
    ) throws(Failure) -> Descriptor {
        let place = Location(base, leaf.withUTF8Buffer { Array($0) })
        let found: Descriptor
        do throws(SystemError) {
            do { try sharing.makeDirectory(place, disk) } catch { if !error.exists { throw error } }
            found = try place.open(O_RDONLY | O_DIRECTORY)
        } catch { throw error.failure(path) }
        try closeToOthers(found.number, path, for: .store, group: sharing.group)
        return found
    }

    /// Opens `name` in DIR; does not block on a fifo.
    func open(_ name: Name, _ flags: Int32 = O_RDONLY) throws(SystemError) -> Descriptor {
        try name.withRelativePath { (path) throws(SystemError) in
            Descriptor(try system("openat2") { linux_open_beneath(root.number, path, flags | O_NONBLOCK, 0) })
        }
    }

    /// The regular file at `name`, or nil.
    func openFile(_ name: Name) throws(SystemError) -> (Descriptor, Status)? {
        do throws(SystemError) {
            let file = try open(name)
            let status = try file.status()
            return status.isFile ? (file, status) : nil
        } catch {
            if error.isAbsence { return nil }
            throw error
        }
    }

    func partial(of content: ContentID) -> Location { Location(partial, hexDigits(content.bytes)) }

    func ingest(_ key: Digest) -> Location { Location(partial, Array("ingest-".utf8) + hexDigits(key.bytes)) }

    /// A path beside `place` for an unrecorded file.
    func aside(_ place: Location, _ number: Int) -> Location {
        Location(partial, place.leaf + Array("-\(number)".utf8))
    }

    /// The path as a user would type it.
    func shownPath(_ place: Location) -> [UInt8] { directory + Array("/.daft/partial/".utf8) + place.leaf }

    /// Disk space of the files in partial/, without those that cannot be examined: it is only displayed.
    func partialBytes() -> Int64 {
        let leaves = (try? partialLeaves()) ?? []
        return leaves.reduce(0) { $0 + ((try? statusAt(partial.number, $1))?.allocatedBytes ?? 0) }
    }

    /// File names in partial/.
    func partialLeaves() throws(SystemError) -> Set<[UInt8]> {
        let number = try system("dup") { fcntl(partial.number, F_DUPFD_CLOEXEC, 0) }
        guard let stream = fdopendir(number) else {
            let code = errno
            close(number)
            throw SystemError(code: code, call: "fdopendir")
        }
        defer { closedir(stream) }
        rewinddir(stream)
        var leaves: Set<[UInt8]> = []
        while true {
            errno = 0
            guard let item = readdir(stream) else { break }
            let leaf = withUnsafeBytes(of: &item.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if leaf != [0x2e] && leaf != [0x2e, 0x2e] { leaves.insert(leaf) }
        }
        // An incomplete listing would make files look deleted.
        if errno != 0 { throw SystemError(code: errno, call: "readdir") }
        return leaves
    }
}

extension Name {
    /// The path below DIR, for calls relative to DIR's descriptor.
    func withRelativePath<T>(
        _ body: (UnsafePointer<CChar>) throws(SystemError) -> T
    ) throws(SystemError) -> T {
        try withCString(isRoot ? [UInt8(ascii: ".")] : bytes[1...], body)
    }
}

extension Location {
    func withLeaf<T>(_ body: (UnsafePointer<CChar>) throws(SystemError) -> T) throws(SystemError) -> T {
        try withCString(leaf, body)
    }

    func open(_ flags: Int32) throws(SystemError) -> Descriptor {
        try withLeaf { (path) throws(SystemError) in
            Descriptor(
                try system("openat2") { linux_open_beneath(directory.number, path, flags | O_NONBLOCK, 0) })
        }
    }

    /// Status of the entry itself; symlinks are not followed.
    func status() throws(SystemError) -> Status {
        try statusAt(directory.number, leaf)
    }

    func symlinkTarget() throws(SystemError) -> [UInt8] {
        try withLeaf { (leaf) throws(SystemError) in try symlinkTargetAt(directory.number, leaf) }
    }

    func setTimes(_ mtime: Time) throws(SystemError) {
        try withLeaf { (leaf) throws(SystemError) in try setTimesAt(directory.number, leaf, mtime) }
    }
}

extension Descriptor {
    func setTimes(_ mtime: Time) throws(SystemError) {
        try system("futimens") { futimens(number, bothTimes(mtime)) }
    }

    /// Sets the mtime to now.
    func touch() throws(SystemError) {
        let times = [linux_utime_omit, linux_utime_now].map { timespec(tv_sec: 0, tv_nsec: Int($0)) }
        try system("futimens") { futimens(number, times) }
    }

    func setMode(_ mode: UInt16) throws(SystemError) {
        try system("fchmod") { fchmod(number, mode_t(mode)) }
    }
}

func setTimesAt(_ base: Int32, _ path: UnsafePointer<CChar>, _ mtime: Time) throws(SystemError) {
    try system("utimensat") { utimensat(base, path, bothTimes(mtime), AT_SYMLINK_NOFOLLOW) }
}

/// Sets the mtime and keeps the access time.
private func bothTimes(_ mtime: Time) -> [timespec] {
    [
        timespec(tv_sec: 0, tv_nsec: Int(linux_utime_omit)),
        timespec(tv_sec: Int(mtime.seconds), tv_nsec: Int(mtime.nanoseconds)),
    ]
}

/// A cache of open directories for one call.
final class OpenDirectories {
    private let paths: Paths
    private let disk: Disk
    private var known: [ArraySlice<UInt8>: Descriptor] = [:]
    /// Directories to sync after changes; nil if nothing is synced.
    private var touched: [ObjectIdentifier: Descriptor]?
    private static let most = 64

    init(_ paths: Paths, _ disk: Disk, durable: Bool) {
        self.paths = paths
        self.disk = disk
        touched = durable ? [:] : nil
    }

    /// The location of `name`; creates missing directories if `making`.
    func place(of name: Name, making: Bool = false) throws(SystemError) -> Location {
        let cut = name.bytes.lastIndex(of: UInt8(ascii: "/"))!
        let parent = name.bytes[..<cut]
        if let directory = known[parent] { return Location(directory, name.bytes[(cut + 1)...]) }
        let directory = try open(name.parent ?? .root, making)
        if known.count >= OpenDirectories.most { known.removeAll(keepingCapacity: true) }
        known[parent] = directory
        return Location(directory, name.bytes[(cut + 1)...])
    }

    private func open(_ name: Name, _ making: Bool) throws(SystemError) -> Descriptor {
        do {
            return try paths.open(name, O_RDONLY | O_DIRECTORY)
        } catch {
            guard making, error.isNotFound else { throw error }
        }
        let place = try place(of: name, making: true)
        do { try paths.sharing.makeDirectory(place, disk) } catch { if !error.exists { throw error } }
        try touch(place.directory)
        return try place.open(O_RDONLY | O_DIRECTORY)
    }

    /// Marks `directory` as changed.
    func touch(_ directory: Descriptor) throws(SystemError) {
        touched?[ObjectIdentifier(directory)] = directory
        if let touched, touched.count > OpenDirectories.most { try syncTouched() }
    }

    func syncTouched() throws(SystemError) {
        guard let directories = touched?.values else { return }
        for directory in directories { try disk.sync(directory: directory) }
        touched?.removeAll()
    }
}
