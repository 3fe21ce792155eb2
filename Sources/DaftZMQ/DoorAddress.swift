// The path of a door: the socket `door` in a directory that only its owner can enter. Socket addresses are limited to
// 107 bytes, so the socket is reached through the open directory.
//
// Both sides check each other. The client checks the owners of directory, path, socket and listening process; the
// server checks who connects (`Socket.admit`).

import DaftModel
import DaftTrust
import Glibc
import Synchronization

public final class DoorAddress: Sendable {
    private let descriptor: Int32
    /// The connection that showed that somebody listens: the client's, if it comes. -1: none.
    private let kept = Atomic<Int32>(-1)

    /// Throws `denied` for an untrusted directory; `isNamed`: root named it and accepts any owner. `group`: may own the
    /// path.
    public init(in directory: [UInt8], isNamed: Bool = false, group: UInt32? = nil) throws(Failure) {
        descriptor = try OwnDirectory(directory, for: .door(isNamed: isNamed), group: group).number
    }

    deinit {
        let file = kept.load(ordering: .relaxed)
        if file >= 0 { close(file) }
        close(descriptor)
    }

    var path: String { "/proc/self/fd/\(descriptor)/door" }
    var endpoint: String { "ipc://" + path }

    /// Whether a trusted process listens. False for stale sockets and other users' sockets; true for a stopped process
    /// with a full backlog.
    public var isOpen: Bool {
        switch attempt() {
        case .connected(let file):
            let other = kept.exchange(file, ordering: .acquiringAndReleasing)
            if other >= 0 { close(other) }
            return true
        case .crowded: return true
        case .closed: return false
        }
    }

    enum Connection {
        /// A descriptor that does not block, and belongs to the caller.
        case connected(Int32)
        /// Somebody listens, and the backlog is full.
        case crowded
        case closed
    }

    func connect() -> Connection {
        let file = kept.exchange(-1, ordering: .acquiringAndReleasing)
        return file >= 0 ? .connected(file) : attempt()
    }

    private func attempt() -> Connection {
        let users = trustedUsers
        var status = stat()
        guard fstatat(descriptor, "door", &status, AT_SYMLINK_NOFOLLOW) == 0, status.st_mode & S_IFMT == S_IFSOCK,
            users.contains(status.st_uid)
        else { return .closed }
        let file = socket(
            AF_UNIX, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue | SOCK_NONBLOCK.rawValue), 0)
        guard file >= 0 else { return .closed }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
        let isConnected = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                Glibc.connect(file, $0, socklen_t(MemoryLayout<sockaddr_un>.size)) == 0
            }
        }
        let isCrowded = !isConnected && errno == EAGAIN
        if isConnected, peerUser(of: file).map(users.contains) ?? false { return .connected(file) }
        close(file)
        return isCrowded ? .crowded : .closed
    }

    /// This user, root, and the owner of the directory, which has been checked.
    private var trustedUsers: Set<UInt32> {
        var status = stat()
        return fstat(descriptor, &status) == 0 ? [geteuid(), 0, status.st_uid] : []
    }
}
