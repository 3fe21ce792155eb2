// Under which addresses a machine may be reached: those of its interfaces, and which of them is likeliest.

import DaftModel
import DaftWire
import Glibc

private let loopback = "127.0.0.1"

/// The addresses of this machine's interfaces that others can use: not loopback, not those of one cable only.
public func ownAddresses() -> [String] {
    var list: UnsafeMutablePointer<ifaddrs>?
    guard getifaddrs(&list) == 0 else { return [] }
    defer { freeifaddrs(list) }
    var addresses: [String] = []
    var next = list
    while let entry = next {
        next = entry.pointee.ifa_next
        guard entry.pointee.ifa_flags & UInt32(IFF_UP) != 0,
            entry.pointee.ifa_flags & UInt32(IFF_LOOPBACK) == 0,
            let address = entry.pointee.ifa_addr.flatMap(numeric), !addresses.contains(address)
        else { continue }
        addresses.append(address)
    }
    // Version 4 first, as it is the likelier to be let through everywhere.
    return addresses.filter { !$0.contains(":") } + addresses.filter { $0.contains(":") }
}

private func numeric(_ address: UnsafeMutablePointer<sockaddr>) -> String? {
    let size: Int
    switch Int32(address.pointee.sa_family) {
    case AF_INET: size = MemoryLayout<sockaddr_in>.size
    case AF_INET6: size = MemoryLayout<sockaddr_in6>.size
    default: return nil
    }
    var text = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    let code = getnameinfo(address, socklen_t(size), &text, socklen_t(text.count), nil, 0, NI_NUMERICHOST)
    let name = String(decoding: text.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return code == 0 && !name.hasPrefix("fe80:") && !name.hasPrefix("169.254.") ? name : nil
}

/// The order of a node that ssh has started: the metadata server's address that ssh came from is tried first, and where
/// it came from this very machine, loopback is.
func arranged(_ order: NodeOrder) -> NodeOrder {
    guard let value = getenv("SSH_CONNECTION") else { return order }
    var order = order
    order.metadataServer = arranged(order.metadataServer, connection: String(cString: value))
    return order
}

/// `connection` is what sshd says of it: the client's address and port, and the server's.
func arranged(_ addresses: [String], connection: String) -> [String] {
    let words = connection.split(separator: " ").map(String.init)
    guard words.count == 4, !addresses.isEmpty else { return addresses }
    let (client, server) = (words[0], words[2])
    if client == server { return [loopback] + addresses.filter { $0 != loopback } }
    guard addresses.contains(client) else { return addresses }
    return [client] + addresses.filter { $0 != client }
}
