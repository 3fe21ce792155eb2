// Opens directories that others must not replace, component by component relative to open descriptors, so that what was
// checked is what is used. `Trust` decides on the result.

import CLinux
import DaftModel
import DaftPlan
import Glibc

public enum DirectoryUse: Sendable {
    case store, catalogue
    /// One user's private part of a shared store or catalogue directory.
    case own
    /// If root named it, it may belong to another user.
    case door(isNamed: Bool)

    fileprivate var choice: String {
        switch self {
        case .store, .door, .own: "--store DIR"
        case .catalogue: "--catalogue DIR"
        }
    }

    fileprivate var isDoor: Bool {
        if case .door = self { true } else { false }
    }

    fileprivate func trust(_ group: UInt32?) -> Trust {
        let sharers = group.map { group in Sharers(group: group) { isMember($0, of: group) } }
        return switch self {
        case .store, .catalogue: Trust(user: geteuid(), sharers: sharers, isShared: true, unknown: unknownOwner)
        case .own: Trust(user: geteuid(), sharers: sharers, unknown: unknownOwner)
        case .door(let isNamed):
            Trust(
                user: geteuid(), acceptsRoot: true, acceptsAnyOwner: isNamed, sharers: sharers, unknown: unknownOwner)
        }
    }

    /// Whether new directories are shared with the group.
    fileprivate var isShared: Bool {
        switch self {
        case .store, .catalogue: true
        case .own, .door: false
        }
    }
}

/// An open, trusted directory; the receiver closes it.
public struct OwnDirectory: Sendable {
    public let number: Int32
    /// A warning about it for the user.
    public let warning: Failure?

    /// Opens the directory, or creates it with its parents. Throws `denied` if it is not trusted (for a door this is
    /// the only failure). `group`: the group that shares it.
    public init(
        _ path: [UInt8], for use: DirectoryUse, group: UInt32? = nil, isMade: Bool = false
    ) throws(Failure) {
        let trust = use.trust(group)
        let refusal = { (verdict: Trust.Verdict) in
            verdict.refusal(of: path, choice: use.choice, groupName: groupName, userName)
        }
        var walk = Walk()
        if isMade { walk.mayMake = { steps in refusal(trust.verdict(ofWay: steps)) } }
        if use.isShared { walk.group = group }
        // Triggers automounts, which need an access by path.
        var status = stat()
        _ = withCString(path) { stat($0, &status) }
        do throws(WalkError) {
            let found = try walk.go(to: path)
            defer { close(found) }
            let verdict = trust.verdict(of: walk.steps)
            if let refusal = refusal(verdict) { throw WalkError(refusal) }
            warning = verdict.warning(of: path)
            number = try opened { openat(found, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) }
        } catch {
            throw error.failure ?? Failure(use.isDoor ? .unreachable : error.kind, path, error.reason)
        }
    }
}

/// Restricts a directory just created to its owner, or to the group that shares it. Throws if its owner cannot be
/// trusted.
public func closeToOthers(
    _ directory: Int32, _ path: [UInt8], for use: DirectoryUse, group: UInt32? = nil
) throws(Failure) {
    var status = stat()
    guard fstat(directory, &status) == 0 else { throw Failure(.failed, path, String(cString: strerror(errno))) }
    if let group, status.st_uid == geteuid() {
        do throws(WalkError) {
            try share(directory, with: group)
            if fstat(directory, &status) != 0 { throw WalkError(errno) }
        } catch { throw Failure(error.kind, path, error.reason) }
    }
    let verdict = use.trust(group).verdict(of: [PathStep(path, status)])
    if let refusal = verdict.refusal(of: path, choice: use.choice, groupName: groupName, userName) { throw refusal }
    if case .open = verdict { fchmod(directory, 0o700) }
}

/// Regardless of the umask: writable for the group, and setgid, so that new files belong to the group.
private func share(_ directory: Int32, with group: UInt32) throws(WalkError) {
    if fchown(directory, uid_t.max, group) != 0 || fchmod(directory, 0o2770) != 0 { throw WalkError(errno) }
}

// MARK: walk

private struct WalkError: Error {
    let code: Int32
    var failure: Failure?

    init(_ code: Int32) { self.code = code }
    init(_ failure: Failure) { (code, self.failure) = (0, failure) }

    var kind: Failure.Kind {
        switch code {
        case ENOENT: .missing
        case EACCES, EPERM, EROFS: .denied
        case ENOSPC, EDQUOT: .noSpace
        default: .failed
        }
    }

    var reason: String {
        switch code {
        case ENOENT: "no such file or directory"
        case ENOTDIR: "a part of the path is no directory"
        case EACCES, EPERM: "permission denied"
        default: String(cString: strerror(code))
        }
    }
}

private struct Walk {
    private static let mostLinks = 40
    private static let slash = UInt8(ascii: "/")

    private(set) var steps: [PathStep] = []
    /// Why nothing may be created below these components; nil: nothing is created.
    var mayMake: (([PathStep]) -> Failure?)?
    /// The group that gets new directories.
    var group: UInt32?
    /// The current directory of the walk.
    private var here: [UInt8] = []
    private var links = 0

    /// Returns an O_PATH descriptor of the directory.
    mutating func go(to path: [UInt8]) throws(WalkError) -> Int32 {
        var ahead = try absolute(path).split(separator: Walk.slash).map(Array.init)
        var current = try root()
        do throws(WalkError) {
            while !ahead.isEmpty {
                let part = ahead.removeFirst()
                if part == [UInt8(ascii: ".")] { continue }
                let next = try step(from: current, to: part)
                if let target = try enter(next, part) {
                    defer { close(next) }
                    ahead = target.split(separator: Walk.slash).map(Array.init) + ahead
                    if target.first != Walk.slash { continue }
                    close(current)
                    current = -1
                    current = try root()
                } else {
                    close(current)
                    current = next
                }
            }
        } catch {
            if current >= 0 { close(current) }
            throw error
        }
        return current
    }

    private func step(from directory: Int32, to part: [UInt8]) throws(WalkError) -> Int32 {
        let open = { () throws(WalkError) in
            try opened { withCString(part) { openat(directory, $0, linux_o_path | O_NOFOLLOW | O_CLOEXEC) } }
        }
        do throws(WalkError) {
            return try open()
        } catch {
            guard error.code == ENOENT, let mayMake else { throw error }
            if let refusal = mayMake(steps) { throw WalkError(refusal) }
        }
        while withCString(part, { mkdirat(directory, $0, 0o700) }) != 0 {
            if errno == EEXIST { return try open() }
            if errno != EINTR { throw WalkError(errno) }
        }
        if let group {
            let flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC
            let made = try opened { withCString(part) { openat(directory, $0, flags) } }
            defer { close(made) }
            try share(made, with: group)
        }
        return try open()
    }

    /// Records a component; returns the target of a symlink, or nil for a directory.
    private mutating func enter(_ next: Int32, _ part: [UInt8]) throws(WalkError) -> [UInt8]? {
        do throws(WalkError) {
            let status = try status(of: next)
            let path = here + [Walk.slash] + part
            steps.append(PathStep(path, status))
            switch status.st_mode & S_IFMT {
            case S_IFDIR:
                let isUp = part.elementsEqual("..".utf8)
                here = isUp ? Array(here.prefix(upTo: here.lastIndex(of: Walk.slash) ?? 0)) : path
                return nil
            case S_IFLNK:
                links += 1
                if links > Walk.mostLinks { throw WalkError(ELOOP) }
                return try target(of: next)
            default: throw WalkError(ENOTDIR)
            }
        } catch {
            close(next)
            throw error
        }
    }

    private mutating func root() throws(WalkError) -> Int32 {
        let number = try opened { open("/", linux_o_path | O_CLOEXEC) }
        here = []
        steps.append(PathStep([Walk.slash], try status(of: number)))
        return number
    }

    private func status(of number: Int32) throws(WalkError) -> stat {
        var status = stat()
        if fstat(number, &status) != 0 { throw WalkError(errno) }
        return status
    }

    private func target(of link: Int32) throws(WalkError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = bytes.withUnsafeMutableBytes { memory in
            readlinkat(link, "", memory.baseAddress!.assumingMemoryBound(to: CChar.self), memory.count)
        }
        if count < 0 { throw WalkError(errno) }
        return Array(bytes.prefix(count))
    }

    private func absolute(_ path: [UInt8]) throws(WalkError) -> [UInt8] {
        if path.first == Walk.slash { return path }
        guard let directory = getcwd(nil, 0) else { throw WalkError(errno) }
        defer { free(directory) }
        let bytes = UnsafeBufferPointer(start: directory, count: strlen(directory)).map { UInt8(bitPattern: $0) }
        return bytes + [Walk.slash] + path
    }
}

private func opened(_ call: () -> Int32) throws(WalkError) -> Int32 {
    while true {
        let number = call()
        if number >= 0 { return number }
        if errno != EINTR { throw WalkError(errno) }
    }
}

extension PathStep {
    fileprivate init(_ path: [UInt8], _ status: stat) {
        let kind: Kind = status.st_mode & S_IFMT == S_IFLNK ? .symlink : .directory
        self.init(
            path, kind, owner: status.st_uid, group: status.st_gid, mode: UInt16(status.st_mode & 0o7777))
    }
}
