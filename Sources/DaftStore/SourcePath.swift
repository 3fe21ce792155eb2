// Users' paths: made absolute, opened at any length, and mapped to published names.

import CLinux
import DaftModel
import Glibc

let slash = UInt8(ascii: "/")

/// Joins two paths; an empty side adds nothing.
func joined(_ folder: [UInt8], _ name: some Collection<UInt8>) -> [UInt8] {
    if folder.isEmpty || name.isEmpty { return folder + name }
    return folder.last == slash ? folder + name : folder + [slash] + name
}

/// The absolute path without empty and `.` parts. `..` stays, since its meaning depends on symlinks.
func absolutePath(_ path: [UInt8]) throws(SystemError) -> [UInt8] {
    let whole = path.first == slash ? path : try workingDirectory() + [slash] + path
    let parts = whole.split(separator: slash).filter { !$0.elementsEqual(".".utf8) }
    return parts.isEmpty ? [slash] : parts.reduce(into: []) { $0 += [slash] + $1 }
}

private func workingDirectory() throws(SystemError) -> [UInt8] {
    guard let text = getcwd(nil, 0) else { throw SystemError(code: errno, call: "getcwd") }
    defer { free(text) }
    return bytes(ofC: text)
}

func bytes(ofC text: UnsafePointer<CChar>) -> [UInt8] {
    Array(UnsafeRawBufferPointer(start: text, count: strlen(text)))
}

/// A base directory for *at calls. The kernel takes paths below 4,096 bytes, so longer ones are opened in steps.
struct PathBase {
    private let folder: Descriptor?
    let rest: ArraySlice<UInt8>
    /// Valid while this value lives.
    var base: Int32 { folder?.number ?? AT_FDCWD }

    private static let longestPiece = 4000

    init(_ path: [UInt8]) throws(SystemError) {
        var folder: Descriptor?
        var rest = path[...]
        while rest.count > PathBase.longestPiece {
            guard let cut = rest.prefix(PathBase.longestPiece).lastIndex(of: slash), cut > rest.startIndex else {
                throw SystemError(code: ENAMETOOLONG, call: "open")
            }
            let base = folder?.number ?? AT_FDCWD
            folder = try openAt(base, rest[..<cut], linux_o_path | O_DIRECTORY)
            rest = rest[cut...].drop { $0 == slash }
        }
        self.folder = folder
        self.rest = rest.isEmpty ? [UInt8(ascii: ".")] : rest
    }

    func open(_ flags: Int32) throws(SystemError) -> Descriptor {
        try openAt(base, rest, flags)
    }
}

func openAt(
    _ base: Int32, _ path: some Collection<UInt8>, _ flags: Int32, mode: mode_t = 0
) throws(SystemError) -> Descriptor {
    try withCString(path) { (path) throws(SystemError) in try openAt(base, path, flags, mode: mode) }
}

func openAt(
    _ base: Int32, _ path: UnsafePointer<CChar>, _ flags: Int32, mode: mode_t = 0
) throws(SystemError) -> Descriptor {
    Descriptor(try system("open") { openat(base, path, flags | O_CLOEXEC, mode) })
}

func statusAt(_ base: Int32, _ path: some Collection<UInt8>) throws(SystemError) -> Status {
    try withCString(path) { (path) throws(SystemError) in try statusAt(base, path) }
}

func statusAt(
    _ base: Int32, _ path: UnsafePointer<CChar>, following: Bool = false
) throws(SystemError) -> Status {
    var raw = stat()
    try system("stat") { fstatat(base, path, &raw, following ? 0 : AT_SYMLINK_NOFOLLOW) }
    return Status(raw)
}

func symlinkTargetAt(_ base: Int32, _ path: UnsafePointer<CChar>) throws(SystemError) -> [UInt8] {
    try withUnsafeTemporaryAllocation(of: CChar.self, capacity: Entry.longestTarget + 1) {
        (buffer) throws(SystemError) in
        let length = try system("readlink") { readlinkat(base, path, buffer.baseAddress!, buffer.count) }
        return Array(UnsafeRawBufferPointer(rebasing: UnsafeRawBufferPointer(buffer)[..<length]))
    }
}

extension Descriptor {
    /// Opens a directory below this one, component by component, rejecting `..` and, unless `following`, symlinks.
    func directory(
        below relative: some Collection<UInt8>, following: Bool = false
    ) throws(SystemError) -> Descriptor {
        var folder = self
        for part in relative.split(separator: slash) {
            if part.elementsEqual("..".utf8) { throw SystemError(code: EXDEV, call: "open") }
            folder = try openAt(folder.number, part, O_RDONLY | O_DIRECTORY | (following ? 0 : O_NOFOLLOW))
        }
        return folder
    }
}

/// The default name of a published path: its last component, as in cp and rsync.
public func publishedName(of path: [UInt8]) throws(Failure) -> Name {
    let parts = path.split(separator: slash).filter { !$0.elementsEqual(".".utf8) }
    var last = parts.last
    if last == nil || last!.elementsEqual("..".utf8) { last = try realPath(path).split(separator: slash).last }
    guard let last else { throw Failure(.usage, path, "has no name of its own: give one with --as NAME") }
    do {
        return try Name([slash] + last)
    } catch {
        throw Failure(.usage, path, "\(error.reason): give another with --as NAME")
    }
}

func realPath(_ path: [UInt8]) throws(Failure) -> [UInt8] {
    let found = withCString(path) { realpath($0, nil) }
    guard let found else { throw SystemError(code: errno, call: "realpath").failure(path) }
    defer { free(found) }
    return bytes(ofC: found)
}

/// Whether the path exists and the user may examine it, be it a dangling symlink.
public func pathExists(_ path: [UInt8]) -> Bool { (try? lookedAt(path)) != nil }

/// Resolves a source named by the user: follows a symlink, like cp -H and rsync with a trailing slash. Throws if it
/// cannot be staged, as far as that is known before reading.
public func resolvedSource(_ path: [UInt8]) throws(Failure) -> [UInt8] {
    let link: Status
    do throws(SystemError) { link = try lookedAt(path) } catch { throw error.failure(path) }
    if let failure = whyNoSource(path, link) { throw failure }
    return link.isSymlink ? try realPath(path) : path
}

extension Store {
    /// Whether a path leads to daft's private directory in this store.
    public func isOwnData(_ path: [UInt8]) -> Bool {
        // A path that cannot be resolved is not daft's; reading it reports the error.
        guard let real = try? realPath(path), let own = try? realPath(joined(directory, ".daft".utf8)) else {
            return false
        }
        return real == own || real.starts(with: own + [slash])
    }
}

private func whyNoSource(_ path: [UInt8], _ link: Status) -> Failure? {
    var raw = stat()
    // Paths too long for the kernel are checked by the walk.
    guard withCString(path, { stat($0, &raw) }) == 0 else {
        return link.isSymlink && errno == ENOENT ? Failure(.missing, path, "is a symlink that leads nowhere") : nil
    }
    let status = Status(raw)
    guard status.isFile || status.isDirectory else {
        return Failure(.failed, path, "is \(status.kindName): only files and directories are staged")
    }
    if withCString(path, { access($0, R_OK) }) != 0, errno == EACCES {
        return SystemError(code: EACCES, call: "access").failure(ofSource: path)
    }
    return status.isFile && status.size == 0 ? whyNotEmpty(path) : nil
}

/// Files in /proc and similar report size 0 but have bytes.
private func whyNotEmpty(_ path: [UInt8]) -> Failure? {
    do throws(SystemError) {
        try PathBase(path).open(O_RDONLY | O_NONBLOCK | O_NOCTTY).confirmIsEmpty()
        return nil
    } catch { return error.failure(ofSource: path) }
}

extension Status {
    var kindName: String {
        switch mode & S_IFMT {
        case S_IFSOCK: "a socket"
        case S_IFIFO: "a fifo"
        default: "a device"
        }
    }
}

/// The filesystem of a directory, or of its nearest existing ancestor.
public func filesystem(at path: [UInt8]) -> Filesystem? {
    guard var parts = (try? absolutePath(path))?.split(separator: slash) else { return nil }
    while true {
        let folder = [slash] + parts.joined(separator: [slash])
        // A directory that is missing or unreadable is on its parent's filesystem.
        if let folder = try? openAt(AT_FDCWD, folder, O_RDONLY | O_DIRECTORY) { return folder.filesystem }
        if parts.popLast() == nil { return nil }
    }
}

/// Whether an entry of the same kind is visible at a path; symlinks are not followed.
public func exists(_ entry: Entry, at path: [UInt8]) -> Bool {
    guard let status = try? lookedAt(path) else { return false }
    return switch entry.kind {
    case .file: status.isFile
    case .directory: status.isDirectory
    case .symlink: status.isSymlink
    }
}

/// Identity of a directory, to recognise it in a walk.
public func directoryIdentity(_ path: [UInt8]) -> [UInt64]? {
    var raw = stat()
    return withCString(path) { stat($0, &raw) } == 0 ? [UInt64(raw.st_dev), UInt64(raw.st_ino)] : nil
}

/// The status of a path, to compare with other nodes.
public func sighting(of path: [UInt8]) throws(Failure) -> SourceFileInfo {
    do throws(SystemError) {
        let status = try lookedAt(path)
        return SourceFileInfo(
            path: try absolutePath(path), size: status.size, mtime: status.mtime, ctime: status.ctime,
            device: status.device, inode: status.inode, mode: status.permissions)
    } catch { throw error.failure(path) }
}

/// Whether this node sees the same file; one that it may not examine is not the same. Device numbers differ between
/// nodes and are ignored.
public func isSeen(_ info: SourceFileInfo) -> Bool {
    guard let status = try? lookedAt(info.path) else { return false }
    return status.inode == info.inode && status.size == info.size && status.mtime == info.mtime
        && status.ctime == info.ctime && status.permissions == info.mode
}

private func lookedAt(_ path: [UInt8]) throws(SystemError) -> Status {
    let reach = try PathBase(path)
    return try statusAt(reach.base, reach.rest)
}
