// Where a door is: a socket called `door` in a directory that only its owner can enter. The address of such a socket
// has room for 107 bytes and a store's path may be longer, so it is reached through the open directory.

import DaftCore
import DaftTrust
import Glibc

public final class DoorPlace: Sendable {
    private let descriptor: Int32

    /// One that is not ours is refused; `isNamed`: but for root, who has named it.
    public init(in directory: [UInt8], isNamed: Bool = false) throws(Failure) {
        descriptor = try OwnDirectory(directory, for: .door(isNamed: isNamed)).number
    }

    deinit { close(descriptor) }

    var path: String { "/proc/self/fd/\(descriptor)/door" }
    var endpoint: String { "ipc://" + path }

    /// Whether somebody listens: a socket file that a dead process has left is no door. One that takes nobody in, for
    /// it is stopped and others wait already, is one.
    public var isOpen: Bool {
        let probe = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        return withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0 || errno == EAGAIN
            }
        }
    }
}
