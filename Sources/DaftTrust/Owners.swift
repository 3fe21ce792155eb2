// Users, by their numbers.

import CLinux
import DaftCore
import Glibc

/// `mallory (uid 1001)`.
public func userName(_ user: UInt32) -> String {
    guard let known = getpwuid(user) else { return "uid \(user)" }
    return "\(shown(String(cString: known.pointee.pw_name).utf8)) (uid \(user))"
}

/// Who is at the other end of a connected local socket, as the kernel knows it.
public func peerUser(of socket: Int32) -> UInt32? {
    var user = uid_t()
    return linux_peer_user(socket, &user) == 0 ? user : nil
}

/// In a user namespace that does not know all users, as of a container without root: whom it shows as the owner of what
/// the others own.
let unknownOwner: UInt32? = {
    let all = text("/proc/self/uid_map").split { $0 == " " || $0 == "\n" }
    if all.isEmpty || all.map(String.init) == ["0", "0", "4294967295"] { return nil }
    return UInt32(text("/proc/sys/kernel/overflowuid").prefix { $0.isNumber })
}()

private func text(_ path: String) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    return String(decoding: bytes.prefix(max(0, read(file, &bytes, bytes.count))), as: UTF8.self)
}
