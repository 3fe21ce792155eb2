// Walks a user's tree depth-first, directories before their children, names in byte order. It uses open directories and
// follows no symlinks unless told to, so it cannot leave the tree, and paths may exceed the kernel's limit. At most
// `mostOpen` directories and the root are open; upper ones are closed and later reopened from the root.

import DaftModel
import DaftPlan
import Glibc

/// One entry found.
public struct WalkedEntry: Hashable, Sendable {
    public enum Kind: Hashable, Sendable {
        case file(SourceFileInfo)
        case directory
        case symlink([UInt8])
    }

    /// Path below the root; empty for the root.
    public let relative: [UInt8]
    public let kind: Kind
    /// Permission bits, 0…0o7777.
    public let mode: UInt16
    public let mtime: Time
    /// Disk space it occupies.
    public let allocatedBytes: Int64
    /// Whether every change of its bytes changes its ctime; see `Filesystem.recordsChanges`.
    public let recordsChanges: Bool
}

public enum WalkEvent: Hashable, Sendable {
    case found(WalkedEntry)
    /// Not staged by design: a socket, a device, daft's own files. A warning.
    case skipped(Failure)
    /// An entry that could not be read. A failure.
    case failed(Failure)
}

public struct WalkOptions: Sendable {
    /// Longest path below the root; deeper entries could have no name, and their paths would need unbounded memory.
    public var longest = Name.maximumLength
    /// Whether symlinks below the root are followed.
    public var dereference = false
    public var selection = SourceSelection()

    public init() {}
}

/// Not thread-safe.
public final class SourceWalk: @unchecked Sendable {
    private struct Level {
        let status: Status
        let pathLength: Int
        let names: SourceListing
        var directory: Descriptor?
        var next = 0
    }

    private static let mostOpen = 32

    /// Absolute path of the root.
    private let root: [UInt8]
    private let options: WalkOptions
    private let skipping: @Sendable (_ device: UInt64, _ inode: UInt64) -> Bool
    private var rootDirectory: Descriptor?
    private var first: WalkEvent?
    private var recordsChanges: [UInt64: Bool] = [:]
    private var levels: [Level] = []
    /// The current directory, below the root.
    private var here: [UInt8] = []
    /// The listed paths found so far; nil without a list, or when all have been checked.
    private var listed: Set<[UInt8]>?

    /// `path` is a file, directory or symlink; a trailing slash follows the symlink. A directory whose relative path
    /// exceeds `longest` bytes is reported but not entered.
    public init(
        _ path: [UInt8], _ options: WalkOptions = WalkOptions(),
        skipping: @escaping @Sendable (_ device: UInt64, _ inode: UInt64) -> Bool
    ) throws(Failure) {
        self.options = options
        self.skipping = skipping
        listed = options.selection.list == nil ? nil : []
        guard !path.isEmpty, !path.contains(0) else { throw Failure(.usage, path, "is no path") }
        do {
            root = try absolutePath(path)
            let reach = try PathBase(path)
            first = try withCString(reach.rest) { (name) throws(SystemError) in try look(reach.base, name, []) }
            rootDirectory = levels.first?.directory
        } catch {
            throw error.failure(path)
        }
    }

    /// At most `limit` further events; empty at the end.
    public func next(_ limit: Int) -> [WalkEvent] {
        var sightings: [WalkEvent] = []
        if let first { sightings.append(first) }
        first = nil
        while sightings.count < limit, !levels.isEmpty {
            if let sighting = step() { sightings.append(sighting) }
        }
        if levels.isEmpty, let found = listed {
            listed = nil
            sightings += options.selection.missing(after: found).map { path in
                .failed(Failure(.missing, joined(root, path), "is listed, and not there"))
            }
        }
        return sightings
    }

    /// Examines the next name of the innermost directory, or leaves it.
    private func step() -> WalkEvent? {
        let top = levels.count - 1
        guard levels[top].next < levels[top].names.count else {
            leave()
            return nil
        }
        do {
            let directory = try opened(top)
            levels[top].next += 1
            return visit(levels[top].names, levels[top].next - 1, in: directory)
        } catch {
            defer { leave() }
            return .failed(error.failure(ofSource: joined(root, here)))
        }
    }

    private func visit(_ names: SourceListing, _ index: Int, in directory: Descriptor) -> WalkEvent? {
        names.withName(index) { name, bytes in
            let relative = joined(here, bytes)
            do throws(SystemError) {
                return try look(directory.number, name, relative)
            } catch {
                return .failed(error.failure(ofSource: joined(root, relative)))
            }
        }
    }

    /// Examines one name and enters directories. Nil if it is not selected.
    private func look(
        _ base: Int32, _ name: UnsafePointer<CChar>, _ relative: [UInt8]
    ) throws(SystemError) -> WalkEvent? {
        var status = try statusAt(base, name)
        let path = joined(root, relative)
        let isFollowed = options.dereference && status.isSymlink
        if isFollowed {
            do throws(SystemError) { status = try statusAt(base, name, following: true) } catch {
                guard options.selection.takes(relative, isDirectory: false) else { return nil }
                guard error.isNotFound || error.code == ELOOP else { return .failed(error.failure(path)) }
                return .failed(Failure(.missing, path, "is a symlink that leads nowhere"))
            }
        }
        guard options.selection.takes(relative, isDirectory: status.isDirectory) else { return nil }
        if options.selection.list?.named.contains(relative) == true { listed?.insert(relative) }
        func found(_ kind: WalkedEntry.Kind) -> WalkEvent {
            .found(
                WalkedEntry(
                    relative: relative, kind: kind, mode: status.permissions, mtime: status.mtime,
                    allocatedBytes: status.allocatedBytes,
                    recordsChanges: status.isFile && recordsChanges(status.device, path, base)))
        }
        // For the root itself an error: otherwise nothing would be done with status 0.
        func skipped(_ what: String) -> WalkEvent {
            relative.isEmpty
                ? .failed(Failure(.failed, path, "is \(what): there is nothing to stage"))
                : .skipped(Failure(.failed, path, "skipped: \(what)"))
        }
        switch status.mode & S_IFMT {
        case S_IFREG where TargetPartial.isPath(path): return skipped("an unfinished file of an interrupted get")
        case S_IFREG where isFollowed:
            // Files are later opened at their real path, never through a symlink.
            do throws(Failure) { return found(.file(SourceFileInfo(try realPath(path), status))) } catch {
                return .failed(error)
            }
        case S_IFREG: return found(.file(SourceFileInfo(path, status)))
        case S_IFLNK: return found(.symlink(try symlinkTargetAt(base, name)))
        case S_IFDIR where skipping(status.device, status.inode): return skipped("daft's own store")
        case S_IFDIR where relative.count > options.longest: return found(.directory)
        case S_IFDIR:
            if isFollowed, let above = levels.first(where: { $0.status.isSame(as: status) }) {
                let place = shown(joined(root, here[..<above.pathLength]))
                return .failed(Failure(.failed, path, "is a symlink to \(place), above it: followed, it has no end"))
            }
            let flags = O_RDONLY | O_DIRECTORY | (isFollowed ? 0 : O_NOFOLLOW)
            try enter(try openAt(base, name, flags), status, relative)
            return found(.directory)
        default: return skipped(status.kindName)
        }
    }
}

extension SourceWalk {
    /// A bind-mounted file may be on another device than its directory. It has no identity then, nor if the directory
    /// cannot be opened: the file is read again.
    private func recordsChanges(_ device: UInt64, _ path: [UInt8], _ base: Int32) -> Bool {
        if let known = recordsChanges[device] { return known }
        let above = path.lastIndex(of: slash).map { Array(path[...$0]) } ?? [slash]
        guard
            let folder = levels.isEmpty
                ? try? PathBase(above).open(O_RDONLY | O_DIRECTORY)
                : try? openAt(base, ".".utf8, O_RDONLY | O_DIRECTORY),
            let status = try? folder.status(), status.device == device
        else { return false }
        recordsChanges[device] = folder.filesystem.recordsChanges
        return folder.filesystem.recordsChanges
    }

    private func enter(_ directory: Descriptor, _ status: Status, _ relative: [UInt8]) throws(SystemError) {
        let names = try SourceListing(of: directory)
        levels.append(Level(status: status, pathLength: relative.count, names: names, directory: directory))
        here = relative
        if levels.count > SourceWalk.mostOpen { levels[levels.count - 1 - SourceWalk.mostOpen].directory = nil }
    }

    private func leave() {
        levels.removeLast()
        if let outer = levels.last { here.removeLast(here.count - outer.pathLength) }
    }

    /// The directory of a level, reopened if needed; it must still be the same one.
    private func opened(_ level: Int) throws(SystemError) -> Descriptor {
        if let directory = levels[level].directory { return directory }
        guard let directory = try rootDirectory?.directory(below: here, following: options.dereference),
            try directory.status().isSame(as: levels[level].status)
        else { throw SystemError.changed }
        levels[level].directory = directory
        return directory
    }
}

extension Status {
    fileprivate func isSame(as other: Status) -> Bool { device == other.device && inode == other.inode }
}

extension SourceFileInfo {
    init(_ path: [UInt8], _ status: Status) {
        self.init(
            path: path, size: status.size, mtime: status.mtime, ctime: status.ctime, device: status.device,
            inode: status.inode, mode: status.permissions)
    }
}
