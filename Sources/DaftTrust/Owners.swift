// Users by number, and what they own.

import CLinux
import DaftModel
import Glibc

/// `mallory (uid 1001)`.
public func userName(_ user: UInt32) -> String {
    guard let known = getpwuid(user) else { return "uid \(user)" }
    return "\(shown(String(cString: known.pointee.pw_name).utf8)) (uid \(user))"
}

/// The user at the other end of a local socket, from the kernel.
public func peerUser(of socket: Int32) -> UInt32? {
    var user = uid_t()
    return linux_peer_user(socket, &user) == 0 ? user : nil
}

/// The uid to which a user namespace, such as a rootless container's, maps unknown owners; nil if it knows all users.
let unknownOwner: UInt32? = {
    let all = text("/proc/self/uid_map").split { $0 == " " || $0 == "\n" }
    if all.isEmpty || all.map(String.init) == ["0", "0", "4294967295"] { return nil }
    return UInt32(text("/proc/sys/kernel/overflowuid").prefix { $0.isNumber })
}()

private func text(_ path: String, atMost limit: Int = 4_096) -> String {
    let file = open(path, O_RDONLY | O_CLOEXEC)
    if file < 0 { return "" }
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: limit)
    var count = 0
    while count < limit {
        let more = bytes.withUnsafeMutableBytes { read(file, $0.baseAddress! + count, limit - count) }
        if more <= 0 { break }
        count += more
    }
    return String(decoding: bytes.prefix(count), as: UTF8.self)
}

/// The owner of a lock on a file of this node: `alice (uid 1000), process 4711`. From /proc/locks, which has lines such
/// as `1: POSIX ADVISORY WRITE 4711 fd:01:123456 0 EOF`.
public func lockHolder(of path: [UInt8]) -> String? {
    var status = stat()
    guard withCString(path, { stat($0, &status) }) == 0 else { return nil }
    let end = ":\(status.st_ino)"
    for line in text("/proc/locks", atMost: 1 << 20).split(separator: "\n") {
        let words = line.split(separator: " ")
        guard words.count > 5, words[5].hasSuffix(end), let process = pid_t(words[4]),
            stat("/proc/\(process)", &status) == 0
        else { continue }
        return "\(userName(status.st_uid)), process \(process)"
    }
    return nil
}
