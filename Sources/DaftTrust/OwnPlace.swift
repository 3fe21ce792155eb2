// What one user has in a directory that a group shares. The others of the group may rename what is in it, and put a
// symlink there, while this process opens files by their paths: so it reaches them by what it holds open.

import DaftModel
import Glibc

/// Where a user has what concerns nobody else (a door, keys, messages) in a directory that a group shares; else it is
/// that directory itself.
public func ownDirectory(in directory: [UInt8], isShared: Bool) -> [UInt8] {
    isShared ? directory + Array("/user-\(geteuid())".utf8) : directory
}

/// The same in the last of `directories`, each in the one before it, all made if they are not there: a path that leads
/// there as long as this process lives, whatever is renamed meanwhile.
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
