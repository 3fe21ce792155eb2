// A user's private directory inside a group's shared one. Other members may rename entries and place symlinks while
// this process opens files by path, so it uses paths through an open descriptor.

import DaftModel
import Glibc

/// The directory for a user's door, keys and messages: private if the directory is shared, else the directory itself.
public func ownDirectory(in directory: [UInt8], isShared: Bool) -> [UInt8] {
    isShared ? directory + Array("/user-\(geteuid())".utf8) : directory
}

/// Opens or creates each of `directories`, the next inside the one before. Returns a path to the last one that stays
/// valid while this process lives, even after renames.
public func heldOwnDirectory(
    in directories: [[UInt8]], for use: DirectoryUse, group: UInt32
) throws(Failure) -> [UInt8] {
    for directory in directories { close(try OwnDirectory(directory, for: use, group: group, isMade: true).number) }
    let place = ownDirectory(in: directories.last ?? [], isShared: true)
    let number = try OwnDirectory(place, for: .own, group: group, isMade: true).number
    return Array("/proc/\(getpid())/fd/\(number)".utf8)
}

/// The path of an open directory, without symlinks.
public func currentPath(of directory: Int32) throws(Failure) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let link = "/proc/self/fd/\(directory)"
    let count = bytes.withUnsafeMutableBytes { memory in
        readlink(link, memory.baseAddress!.assumingMemoryBound(to: CChar.self), memory.count)
    }
    if count < 0 { throw Failure(.failed, "/proc/self/fd".utf8, String(cString: strerror(errno))) }
    return Array(bytes.prefix(count))
}
