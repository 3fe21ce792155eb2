// Users for multi-user tests, from those that Debian always has: two members of the group `nogroup` by the user
// database, as directory owners must be, and one other. Switching to them takes root.

import Foundation
import Glibc

public struct Account: Sendable {
    public let name: String
    public let user: uid_t
    public let groups: [gid_t]

    public static let group = "nogroup"
    public static let groupNumber: gid_t = getgrnam(group)?.pointee.gr_gid ?? .max
    public static let members = ["sync", "_apt"].compactMap { Account($0, in: [groupNumber]) }
    public static let outsider = Account("games", in: [])

    /// Whether these users exist and this process is root.
    public static var areThere: Bool {
        geteuid() == 0 && outsider != nil && members.count == 2
            && members.allSatisfy { getpwnam($0.name)?.pointee.pw_gid == groupNumber }
    }

    private init?(_ name: String, in groups: [gid_t]) {
        guard let found = getpwnam(name) else { return nil }
        (self.name, user, self.groups) = (name, found.pointee.pw_uid, groups)
    }

    /// A command prefix that switches to this user, with a private umask and the supplementary group `nogroup`.
    public var words: [String] {
        let list = groups.isEmpty ? "--clear-groups" : "--groups=" + groups.map(String.init).joined(separator: ",")
        return [
            "/usr/bin/setpriv", "--reuid=\(user)", "--regid=\(user)", list, "sh", "-c", "umask 077; exec \"$@\"", "sh",
        ]
    }
}

/// Mode, owner and group of a path: `2770 sync nogroup`.
public func modeAndOwner(_ path: String) -> String {
    var status = stat()
    guard lstat(path, &status) == 0 else { return "nothing" }
    let owner = getpwuid(status.st_uid).map { String(cString: $0.pointee.pw_name) } ?? "\(status.st_uid)"
    let group = getgrgid(status.st_gid).map { String(cString: $0.pointee.gr_name) } ?? "\(status.st_gid)"
    return "\(String(status.st_mode & 0o7777, radix: 8)) \(owner) \(group)"
}
