// Groups, and who is in them, as this system knows it.

import DaftModel
import Glibc

/// The group called `name`, or of that number: one that this process is in. What another group owned nobody could give
/// to it, and its members could not be told from others.
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

/// `lab`, or a number that has no name.
func groupName(_ group: UInt32) -> String {
    getgrgid(group).map { shown(String(cString: $0.pointee.gr_name).utf8) } ?? "\(group)"
}

/// Whether the system's list of users and groups has that user in the group. Root could enter any.
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
