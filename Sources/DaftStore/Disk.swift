// All calls by which the store changes the disk, so that tests can simulate a full disk, torn writes and lost unsynced
// data. Setting modes and mtimes is not included: losing them only costs a re-hash.

import CLinux
import DaftModel
import Glibc

/// A directory entry: the open directory and the last path component.
public struct Location: Sendable {
    public let directory: Descriptor
    public let leaf: [UInt8]

    public init(_ directory: Descriptor, _ leaf: some Collection<UInt8>) {
        self.directory = directory
        self.leaf = Array(leaf)
    }
}

open class Disk: @unchecked Sendable {
    public init() {}

    /// Opens a file for reading and writing and creates it if needed; `exclusive`: fails if it exists.
    open func create(_ place: Location, mode: UInt16, exclusive: Bool) throws(SystemError) -> Descriptor {
        let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW | (exclusive ? O_EXCL : 0)
        return Descriptor(
            try place.withLeaf { (path) throws(SystemError) in
                try system("openat") { openat(place.directory.number, path, flags, mode_t(mode)) }
            })
    }

    /// Writes all of `bytes`.
    open func write(_ bytes: UnsafeRawBufferPointer, to file: Descriptor, at offset: Int64) throws(SystemError) {
        try file.write(bytes, at: offset)
    }

    open func truncate(_ file: Descriptor, to size: Int64) throws(SystemError) {
        try system("ftruncate") { ftruncate(file.number, off_t(size)) }
    }

    /// Punches a hole; the range then reads as zeros.
    open func punch(_ file: Descriptor, at offset: Int64, length: Int) throws(SystemError) {
        try system("fallocate") { linux_punch_hole(file.number, offset, Int64(length)) }
    }

    /// Makes `to` a reflink of `from`, if the filesystem can.
    open func clone(_ from: Descriptor, to: Descriptor) throws(SystemError) {
        try system("ioctl FICLONE") { linux_clone(from.number, to.number) }
    }

    /// Copies a range to the same offset in the kernel; the returned count may be short.
    open func copy(_ from: Descriptor, to: Descriptor, at offset: Int64, length: Int) throws(SystemError) -> Int {
        try system("copy_file_range") { linux_copy_range(from.number, offset, to.number, offset, length) }
    }

    open func sync(file: Descriptor) throws(SystemError) { try file.sync() }

    /// Makes creations, renames and removals in a directory durable.
    open func sync(directory: Descriptor) throws(SystemError) { try directory.sync() }

    /// Makes everything on the filesystem of `file` durable.
    open func sync(filesystemOf file: Descriptor) throws(SystemError) {
        try system("syncfs") { linux_sync_filesystem(file.number) }
    }

    /// Renames; fails if the target exists.
    open func rename(_ from: Location, to: Location) throws(SystemError) {
        try from.withLeaf { (old) throws(SystemError) in
            try to.withLeaf { (new) throws(SystemError) in
                _ = try system("renameat2") {
                    linux_rename_new(from.directory.number, old, to.directory.number, new)
                }
            }
        }
    }

    /// Renames, atomically replacing `place`.
    open func replace(_ place: Location, by new: Location) throws(SystemError) {
        try new.withLeaf { (from) throws(SystemError) in
            try place.withLeaf { (to) throws(SystemError) in
                _ = try system("renameat") { renameat(new.directory.number, from, place.directory.number, to) }
            }
        }
    }

    open func makeDirectory(_ place: Location, mode: UInt16) throws(SystemError) {
        try place.withLeaf { (path) throws(SystemError) in
            _ = try system("mkdirat") { mkdirat(place.directory.number, path, mode_t(mode)) }
        }
    }

    open func makeSymlink(_ place: Location, to target: [UInt8]) throws(SystemError) {
        try place.withLeaf { (path) throws(SystemError) in
            try withCString(target) { (target) throws(SystemError) in
                _ = try system("symlinkat") { symlinkat(target, place.directory.number, path) }
            }
        }
    }

    /// Removes a file or symlink.
    open func remove(_ place: Location) throws(SystemError) {
        try place.withLeaf { (path) throws(SystemError) in
            _ = try system("unlinkat") { unlinkat(place.directory.number, path, 0) }
        }
    }
}
