// Addresses under which this machine may be reached, most likely first.

import DaftModel
import DaftWire
import Glibc

private let loopback = "127.0.0.1"

/// Usable addresses of this machine's interfaces, without loopback and link-local ones.
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
    // IPv4 first, since it is more likely to be routed everywhere.
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

/// Reorders the metadata server's addresses for a node started over ssh: first the one that ssh connected from, or
/// loopback if that is this machine.
func arranged(_ order: NodeOrder) -> NodeOrder {
    guard let value = getenv("SSH_CONNECTION") else { return order }
    var order = order
    order.metadataServer = arranged(order.metadataServer, connection: String(cString: value))
    return order
}

/// `connection` is SSH_CONNECTION: the client's address and port, then the server's.
func arranged(_ addresses: [String], connection: String) -> [String] {
    let words = connection.split(separator: " ").map(String.init)
    guard words.count == 4, !addresses.isEmpty else { return addresses }
    let (client, server) = (words[0], words[2])
    if client == server { return [loopback] + addresses.filter { $0 != loopback } }
    guard addresses.contains(client) else { return addresses }
    return [client] + addresses.filter { $0 != client }
}
