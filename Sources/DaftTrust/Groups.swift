// User groups as known to this system.

import DaftModel
import Glibc

/// The id of a group by name or number; this process must be a member: a file cannot be given to another group, whose
/// members would be indistinguishable from others.
public func ownGroup(_ name: [UInt8]) throws(Failure) -> UInt32 {
    let text = String(decoding: name, as: UTF8.self)
    guard let group = withCString(name, { getgrnam($0) }).map({ $0.pointee.gr_gid }) ?? UInt32(text) else {
        throw Failure(.usage, [], "--group: there is no group `\(shown(name))` here")
    }
    guard geteuid() == 0 || getegid() == group || ownGroups().contains(group) else {
        throw Failure(
            .usage, [], "--group: \(userName(geteuid())) is no member of the group \(shown(name)) (`id` shows yours)")
    }
    return group
}

/// `lab`, or the number of an unnamed group.
func groupName(_ group: UInt32) -> String {
    getgrgid(group).map { shown(String(cString: $0.pointee.gr_name).utf8) } ?? "\(group)"
}

/// Whether the system lists the user as a member. Root counts as a member of every group.
func isMember(_ user: UInt32, of group: UInt32) -> Bool {
    if user == 0 { return true }
    guard let known = getpwuid(user) else { return false }
    var groups: [gid_t] = []
    var count: Int32 = 64
    repeat {
        groups = Array(repeating: 0, count: Int(count))
    } while getgrouplist(known.pointee.pw_name, known.pointee.pw_gid, &groups, &count) < 0 && count > groups.count
    return groups.prefix(Int(count)).contains(group)
}

private func ownGroups() -> [gid_t] {
    let count = getgroups(0, nil)
    if count <= 0 { return [] }
    var groups = [gid_t](repeating: 0, count: Int(count))
    let found = getgroups(count, &groups)
    return Array(groups.prefix(Int(max(0, found))))
}
