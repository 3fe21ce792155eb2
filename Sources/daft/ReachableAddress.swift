// Finds a reachable address among several.

import DaftModel
import Glibc

private let patienceMilliseconds: Int32 = 2_000

/// The first of `addresses` (names or numbers) that accepts a connection.
func reachable(_ addresses: [String], port: UInt16) throws(Failure) -> String {
    var reasons: [String] = []
    for address in addresses {
        guard let reason = reasonNotToReach(address, port) else { return address }
        reasons.append("\(address): \(reason)")
    }
    throw Failure(
        .unreachable, [],
        "the metadata server cannot be reached at port \(port) "
            + "(\(reasons.joined(separator: ", "))): is there a firewall?"
    )
}

/// Nil if it can be reached.
private func reasonNotToReach(_ address: String, _ port: UInt16) -> String? {
    var hints = addrinfo()
    hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var list: UnsafeMutablePointer<addrinfo>?
    let code = getaddrinfo(address, "\(port)", &hints, &list)
    guard code == 0, let first = list else { return String(cString: gai_strerror(code)) }
    defer { freeaddrinfo(list) }
    let file = socket(
        first.pointee.ai_family, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue), 0)
    if file < 0 { return String(cString: strerror(errno)) }
    defer { close(file) }
    if connect(file, first.pointee.ai_addr, first.pointee.ai_addrlen) == 0 { return nil }
    guard errno == EINPROGRESS else { return String(cString: strerror(errno)) }
    var waiting = pollfd(fd: file, events: Int16(POLLOUT), revents: 0)
    if poll(&waiting, 1, patienceMilliseconds) <= 0 { return "no answer" }
    var error: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    getsockopt(file, SOL_SOCKET, SO_ERROR, &error, &size)
    return error == 0 ? nil : String(cString: strerror(error))
}
