// A host as given to ssh: `[user@]host[:port]`, with sshd's port, and brackets around IPv6 addresses.

public struct Host: Coded {
    public static let minimumSize = 10
    public static let longestName = 255
    public static let tooLong = "a host's name has at most \(longestName) letters"

    /// Empty: ssh's default.
    public let user: String
    /// A name or an address, without brackets.
    public let name: String
    /// 0: ssh's default.
    public let port: UInt16

    /// Nil if ssh could take it for anything but a host.
    public init?(user: String = "", name: String, port: UInt16 = 0) {
        guard Host.wrong(user: user) == nil, Host.wrong(name: name) == nil else { return nil }
        self.init(known: user, name, port)
    }

    private init(known user: String, _ name: String, _ port: UInt16) {
        (self.user, self.name, self.port) = (user, name, port)
    }

    public init(from reader: inout ByteReader) throws(Malformed) {
        let start = reader.offset
        let (user, name, port) = (try reader.text(), try reader.text(), try reader.u16())
        guard let host = Host(user: user, name: name, port: port) else { throw Malformed("host", at: start) }
        self = host
    }

    public func encode(into writer: inout ByteWriter) {
        writer.text(user)
        writer.text(name)
        writer.u16(port)
    }

    /// Host names are case-insensitive.
    public func isSame(as other: Host) -> Bool { inSmallLetters == other.inSmallLetters }

    public func isSameName(as other: Host) -> Bool { name.lowercased() == other.name.lowercased() }

    /// Lower-cased, for comparison.
    public var inSmallLetters: Host { Host(known: user, name.lowercased(), port) }

    /// Why a user name is invalid; nil if it is valid.
    public static func wrong(user: String) -> String? {
        if user.hasPrefix("-") { return "a user's name does not begin with -" }
        guard let odd = user.unicodeScalars.first(where: { !isOfUser($0) }) else { return nil }
        return "a user's name has no `\(shown("\(odd)".utf8))`"
    }

    /// Why a name or address is invalid; nil if it is valid.
    public static func wrong(name: String) -> String? {
        if name.isEmpty { return "no host" }
        if name.hasPrefix("-") { return "a host's name does not begin with -" }
        if name.utf8.count > longestName { return tooLong }
        let isAddress = name.contains(":")
        guard let odd = name.unicodeScalars.first(where: { !isOfHost($0, inAddress: isAddress) }) else { return nil }
        return "a host's name has no `\(shown("\(odd)".utf8))`"
    }

    private static func isOfUser(_ scalar: Unicode.Scalar) -> Bool {
        isOfHost(scalar, inAddress: false) || scalar == "+" || scalar == "@"
    }

    private static func isOfHost(_ scalar: Unicode.Scalar, inAddress isAddress: Bool) -> Bool {
        switch scalar {
        case "a"..."z", "A"..."Z", "0"..."9", ".", "-", "_": true
        case ":", "%": isAddress
        default: false
        }
    }
}

extension Host: CustomStringConvertible {
    /// As the user types it.
    public var description: String {
        (user.isEmpty ? "" : user + "@") + (name.contains(":") ? "[\(name)]" : name) + (port == 0 ? "" : ":\(port)")
    }
}
