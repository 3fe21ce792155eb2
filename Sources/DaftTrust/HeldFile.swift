// Whether a file that is open is still the one at its path: whoever removes a directory that is in use takes no notice
// of those who use it, and what they have open goes on to work as if it were there.

import CLinux
import DaftModel
import Glibc

/// True where the file has been removed, or another one or none stands at its path. Where that cannot be said it is
/// taken to be there.
public func isGone(_ file: Int32, from path: [UInt8]) -> Bool {
    var (held, there) = (stat(), stat())
    guard fstat(file, &held) == 0 else { return false }
    if held.st_nlink == 0 { return true }
    guard withCString(path, { lstat($0, &there) }) == 0 else { return errno == ENOENT || errno == ENOTDIR }
    return held.st_dev != there.st_dev || held.st_ino != there.st_ino
}

/// A file that is only held, to be looked at. Nobody's locks end when this is closed, as they would with an open file.
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
