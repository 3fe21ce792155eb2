// The path of a door: the socket `door` in a directory that only its owner can enter. Socket addresses are limited to
// 107 bytes, so the socket is reached through the open directory.
//
// Both sides check each other. The client checks the owners of directory, path, socket and listening process; the
// server checks who connects (`Socket.admit`).

import DaftModel
import DaftTrust
import Glibc

public final class DoorAddress: Sendable {
    private let descriptor: Int32

    /// Throws `denied` for an untrusted directory; `isNamed`: root named it and accepts any owner. `group`: may own the
    /// path.
    public init(in directory: [UInt8], isNamed: Bool = false, group: UInt32? = nil) throws(Failure) {
        descriptor = try OwnDirectory(directory, for: .door(isNamed: isNamed), group: group).number
    }

    deinit { close(descriptor) }

    var path: String { "/proc/self/fd/\(descriptor)/door" }
    var endpoint: String { "ipc://" + path }

    /// Whether a trusted process listens. False for stale sockets and other users' sockets; true for a stopped process
    /// with a full backlog.
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

    /// This user, root, and the owner of the directory, which has been checked.
    private var trustedUsers: Set<UInt32> {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? [geteuid(), 0, status.st_uid] : []
    }
}
