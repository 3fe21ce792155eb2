// Where a door is: a socket called `door` in a directory that only its owner can enter. The address of such a socket
// has room for 107 bytes and a store's path may be longer, so it is reached through the open directory.
//
// A door gives and takes orders, so both sides look who the other is. The client: whose the directory is and what is in
// its path, whose the socket is, and who listens. The server: who has connected (`Socket.admit`).

import DaftModel
import DaftTrust
import Glibc

public final class DoorAddress: Sendable {
    private let descriptor: Int32

    /// One that is not ours is refused, by a failure that is `denied`; `isNamed`: but for root, who has named it.
    /// `group`: who may own what it is in.
    public init(in directory: [UInt8], isNamed: Bool = false, group: UInt32? = nil) throws(Failure) {
        descriptor = try OwnDirectory(directory, for: .door(isNamed: isNamed), group: group).number
    }

    deinit { close(descriptor) }

    var path: String { "/proc/self/fd/\(descriptor)/door" }
    var endpoint: String { "ipc://" + path }

    /// Whether somebody listens whom a client may obey: a socket file that a dead process has left is no door, and
    /// neither is one of another user. One that takes nobody in, for it is stopped and others wait already, is one.
    public var isOpen: Bool {
        let users = trustedUsers
        var status = stat()
        guard fstatat(descriptor, "door", &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFSOCK,
            users.contains(status.st_uid)
        else { return false }
        let probe = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard probe >= 0 else { return false }
        defer { close(probe) }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                connect(probe, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        if !isConnected { return errno == EAGAIN }
        return peerUser(of: probe).map(users.contains) ?? false
    }

    /// Ourselves, root, and whose the directory is, which has been judged.
    private var trustedUsers: Set<UInt32> {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? [geteuid(), 0, status.st_uid] : []
    }
}
