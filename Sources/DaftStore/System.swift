// Turns C's -1 into Swift errors. Calls interrupted by a signal are repeated; wrappers are named for what they do, and
// their errors name the C function.

import CLinux
import DaftModel
import Glibc
import Synchronization

/// A failed system call and its errno.
public struct SystemError: Error, Hashable, Sendable {
    public let code: Int32
    public let call: String

    public init(code: Int32, call: String) {
        self.code = code
        self.call = call
    }

    public var reason: String { String(cString: strerror(code)) }
    public var isNotFound: Bool { code == ENOENT }
    public var exists: Bool { code == EEXIST }
    /// Nothing is there, or something of another kind, or a parent is no directory.
    var isAbsence: Bool { [ENOENT, ENOTDIR, ELOOP, EXDEV, ENXIO].contains(code) }
    /// The disk cannot return what was written.
    var isMediumError: Bool { [EIO, EBADMSG, EUCLEAN].contains(code) }
    public var isFull: Bool { code == ENOSPC || code == EDQUOT }

    /// The user-visible failure about `path`; names the system call only for rare errors.
    public func failure(_ path: [UInt8]) -> Failure {
        switch code {
        case ENOSPC: Failure(.noSpace, path, "no space left on the device")
        case EFBIG: Failure(.noSpace, path, "larger than the filesystem or the limit `ulimit -f` allows")
        case EDQUOT: Failure(.noSpace, path, "the disk quota is used up")
        case ENOENT: Failure(.missing, path, "no such file or directory")
        case ENOTDIR: Failure(.failed, path, "a part of the path is no directory")
        case EACCES, EPERM: Failure(.denied, path, "permission denied")
        case EROFS: Failure(.denied, path, "the filesystem is read-only")
        case ELOOP, EXDEV: Failure(.denied, path, "a symlink or .. in the path leads elsewhere")
        default: Failure(.failed, path, "\(reason) (\(call))")
        }
    }
}

/// Repeats `call` while it is interrupted; throws `SystemError` for -1.
@discardableResult
func system<T: SignedInteger>(_ name: String, _ call: () -> T) throws(SystemError) -> T {
    while true {
        let result = call()
        if result != -1 { return result }
        let code = errno
        if code != EINTR { throw SystemError(code: code, call: name) }
    }
}

/// The system clock, as used for file times.
public func currentTime() -> Time {
    var now = timespec()
    clock_gettime(CLOCK_REALTIME, &now)
    return Time(seconds: Int64(now.tv_sec), nanoseconds: UInt32(now.tv_nsec))
}

/// An open file, closed with its last reference.
public final class Descriptor: Sendable {
    public let number: Int32
    /// Opened by the first large write.
    let direct = Mutex<DirectFile.Found?>(nil)

    public init(_ number: Int32) { self.number = number }

    deinit { close(number) }
}

/// The fields of stat that daft uses.
public struct Status: Hashable, Sendable {
    public let device: UInt64
    public let inode: UInt64
    public let mode: UInt32
    public let owner: UInt32
    public let size: Int64
    public let blocks: Int64
    public let links: UInt64
    public let mtime: Time
    public let ctime: Time

    init(_ raw: stat) {
        device = UInt64(raw.st_dev)
        inode = UInt64(raw.st_ino)
        mode = raw.st_mode
        owner = raw.st_uid
        size = Int64(raw.st_size)
        blocks = Int64(raw.st_blocks)
        links = UInt64(raw.st_nlink)
        mtime = Time(seconds: Int64(raw.st_mtim.tv_sec), nanoseconds: UInt32(raw.st_mtim.tv_nsec))
        ctime = Time(seconds: Int64(raw.st_ctim.tv_sec), nanoseconds: UInt32(raw.st_ctim.tv_nsec))
    }

    public var isFile: Bool { mode & S_IFMT == S_IFREG }
    public var isDirectory: Bool { mode & S_IFMT == S_IFDIR }
    public var isSymlink: Bool { mode & S_IFMT == S_IFLNK }
    /// Disk space used; less than the size of a sparse file.
    public var allocatedBytes: Int64 { blocks * 512 }
    public var permissions: UInt16 { UInt16(mode & 0o7777) }
}

extension Descriptor {
    var filesystem: Filesystem { Filesystem(number: linux_filesystem(number)) }

    public func status() throws(SystemError) -> Status {
        var raw = stat()
        try system("fstat") { fstat(number, &raw) }
        return Status(raw)
    }

    /// Syncs the file's data, or the directory's entries.
    func sync() throws(SystemError) {
        try system("fsync") { fsync(number) }
    }

    /// Reads from `offset`; the count is short only at the end of the file.
    public func read(
        into memory: UnsafeMutableRawBufferPointer, at offset: Int64, atLeast least: Int? = nil
    ) throws(SystemError) -> Int {
        var done = 0
        while done < least ?? memory.count {
            let count = try system("pread") {
                pread(number, memory.baseAddress! + done, memory.count - done, off_t(offset) + off_t(done))
            }
            if count == 0 { break }
            done += count
        }
        return done
    }

    /// Switches direct I/O on or off; false if the filesystem lacks it.
    func setDirect(_ isDirect: Bool) -> Bool { fcntl(number, F_SETFL, isDirect ? linux_o_direct : 0) == 0 }

    /// The first data range at or after `offset`; nil if only a hole remains.
    public func data(after offset: Int64) throws(SystemError) -> Range<Int64>? {
        do {
            let start = try system("lseek") { lseek(number, off_t(offset), linux_seek_data) }
            let end = try system("lseek") { lseek(number, start, linux_seek_hole) }
            return Int64(start)..<Int64(end)
        } catch {
            if error.code == ENXIO { return nil }
            throw error
        }
    }
}

/// This process's umask, from /proc if possible: umask(2) must set another value for a moment, in which other threads
/// may create files.
public let ownUmask: UInt16 = {
    let lines = (try? openAt(AT_FDCWD, Array("/proc/self/status".utf8), O_RDONLY)).flatMap { file in
        withUnsafeTemporaryAllocation(byteCount: 4096, alignment: 16) { buffer in
            (try? file.read(into: buffer, at: 0)).map { String(decoding: buffer[..<$0], as: UTF8.self) }
        }
    }
    for line in (lines ?? "").split(separator: "\n") where line.hasPrefix("Umask:") {
        if let mask = UInt16(line.dropFirst(6).drop { $0 == "\t" || $0 == " " }, radix: 8) { return mask }
    }
    let mask = umask(0o077)
    umask(mask)
    return UInt16(mask)
}()
