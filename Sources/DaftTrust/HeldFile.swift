// Whether an open file is still the one at its path. If a directory is removed while in use, open descriptors continue
// to work without any error.

import CLinux
import DaftModel
import Glibc

/// True if the file was removed or replaced at its path. False if that cannot be determined.
public func isGone(_ file: Int32, from path: [UInt8]) -> Bool {
    var (held, there) = (stat(), stat())
    guard fstat(file, &held) == 0 else { return false }
    if held.st_nlink == 0 { return true }
    guard withCString(path, { lstat($0, &there) }) == 0 else { return errno == ENOENT || errno == ENOTDIR }
    return held.st_dev != there.st_dev || held.st_ino != there.st_ino
}

/// A file held with O_PATH, only for comparison: closing it does not release POSIX locks of this process.
public final class HeldFile: Sendable {
    private let path: [UInt8]
    private let number: Int32

    public init?(_ path: [UInt8]) {
        number = withCString(path) { open($0, linux_o_path | O_NOFOLLOW | O_CLOEXEC) }
        if number < 0 { return nil }
        self.path = path
    }

    deinit { close(number) }

    public var isGone: Bool { DaftTrust.isGone(number, from: path) }
}
