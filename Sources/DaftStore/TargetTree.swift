// The tree that `get` writes in the user's filesystem. Like cp and rsync it adds and replaces file by file. The path to
// the root is followed as given; below the root no symlink is, so that nothing is written outside. A durable tree is on
// the disk once its directories are finished, and never shows a file that is not.

import DaftModel
import Glibc
import Synchronization

public final class TargetTree: Sendable {
    private let path: [UInt8]
    private let root: TargetLocation
    private let isDurable: Bool
    /// The user gave a directory above the root, so the root itself may not be a symlink either.
    private let isBeneath: Bool
    private let rootDirectory = Mutex<Descriptor?>(nil)
    /// The directory used last, since files come directory by directory.
    private let recent = Mutex<(relative: [UInt8], directory: Descriptor)?>(nil)
    /// If durable: directories to sync.
    private let touched = Mutex<Set<[UInt8]>>([])

    /// `path` need not exist, but its parent must. Below `base`, a directory above it, no symlink is followed.
    public init(_ path: [UInt8], beneath base: [UInt8]? = nil, durable: Bool = false) throws(Failure) {
        guard !path.isEmpty, !path.contains(0) else { throw Failure(.usage, path, "is no path to write to") }
        self.path = path
        isDurable = durable
        isBeneath = base != nil
        do {
            let (parent, name) = try split(try absolutePath(path))
            let directory = try TargetTree.open(parent, beneath: try base.map(absolutePath))
            root = TargetLocation(directory: directory, name: name, path: path, isDurable: durable)
        } catch {
            if error.isNotFound { throw Failure(.missing, path, "the directory that is to hold it does not exist") }
            throw error.failure(path)
        }
    }

    /// The state of a path that is to be written to.
    public enum PathState: Sendable {
        case directory
        /// A directory marked by an interrupted run.
        case unfinished
        case other
    }

    /// A directory that cannot be opened counts as `other`: writing to it reports the error.
    public static func pathState(at path: [UInt8]) -> PathState? {
        guard let tree = try? TargetTree(path) else { return pathExists(path) ? .other : nil }
        if (try? tree.openedRoot()) == nil { return pathExists(path) ? .other : nil }
        return (try? tree.root.partial.status()) == nil ? .directory : .unfinished
    }

    /// Creates a marker beside the root: the tree is incomplete.
    public func mark() throws(Failure) {
        do throws(SystemError) {
            let mark = root.partial
            _ = try openAt(mark.directory.number, mark.name, O_WRONLY | O_CREAT | O_NOFOLLOW, mode: 0o600)
        } catch { throw error.failure(path) }
    }

    public func unmark() { root.partial.remove() }

    /// Creates the root directory if needed and makes it writable. The mode is final only if the tree sets none.
    public func makeRoot(mode: UInt16 = 0o700) throws(Failure) {
        // If it cannot be opened, making it reports the error.
        if (try? openedRoot()) == nil { try root.makeDirectory(mode: mode) }
        try makeDirectory([])
        do {
            let directory = try openedRoot()
            try system("faccessat") { faccessat(directory.number, ".", W_OK | X_OK, AT_EACCESS) }
        } catch {
            throw error.failure(path)
        }
    }

    /// Creates a directory or makes an existing one writable; empty means the root.
    public func makeDirectory(_ relative: [UInt8]) throws(Failure) {
        // Likewise.
        if relative.isEmpty, let directory = try? openedRoot() { return directory.allowWriting() }
        try place(relative).makeDirectory()
        if relative.isEmpty { try root.syncDirectory() }
    }

    /// Creates a symlink, or keeps an identical one.
    public func makeSymlink(_ relative: [UInt8], _ entry: Entry) throws(Failure) {
        guard case .symlink(let target) = entry.kind else { preconditionFailure("not a symlink") }
        try place(relative).makeSymlink(to: target, mtime: entry.mtime)
    }

    /// A file to be filled chunk by chunk.
    public func file(_ relative: [UInt8], _ entry: Entry, _ manifest: Manifest) throws(Failure) -> TargetFile {
        try TargetFile(at: place(relative), entry, manifest)
    }

    /// Whether a small file is already correct and need not be transferred. One that cannot be read or synced is
    /// rewritten.
    public func holds(_ relative: [UInt8], _ entry: Entry, _ manifest: Manifest) -> Bool {
        guard manifest.chunks.count <= 1, let place = try? place(relative),
            let status = try? statusAt(place.directory.number, place.name), status.isFile,
            status.size == manifest.size, status.mtime == entry.mtime, status.permissions == entry.mode
        else { return false }
        if manifest.chunks.isEmpty, !isDurable { return true }
        guard let file = try? place.open(O_RDONLY) else { return false }
        // It may have been written by a run that did not sync.
        if isDurable, (try? file.syncOrDisown()) == nil { return false }
        guard let id = manifest.chunks.first else { return true }
        return withUnsafeTemporaryAllocation(byteCount: Int(manifest.size), alignment: 4096) { buffer in
            (try? file.read(into: buffer, at: 0)) == buffer.count && digest(of: UnsafeRawBufferPointer(buffer)) == id
        }
    }

    /// Sets modes and mtimes of directories, deepest first: entries change their parent's mtime, and a mode may forbid
    /// access below.
    public func finishDirectories(_ entries: [([UInt8], Entry)]) -> [Failure] {
        var failures = isDurable ? syncTouched(but: Set(entries.map(\.0))) : []
        for (relative, entry) in entries.sorted(by: { $1.0.lexicographicallyPrecedes($0.0) }) {
            do {
                try directory(relative).settle(entry, durable: isDurable)
            } catch {
                failures.append(error.failure(joined(path, relative)))
            }
        }
        return failures
    }

    /// Syncs changed directories that are not in `finished`, and the root's parent.
    private func syncTouched(but finished: Set<[UInt8]>) -> [Failure] {
        var failures: [Failure] = []
        for relative in touched.withLock({ $0 }).subtracting(finished) {
            do { try directory(relative).sync() } catch { failures.append(error.failure(joined(path, relative))) }
        }
        do throws(Failure) { try root.syncDirectory() } catch { failures.append(error) }
        return failures
    }

    func place(_ relative: [UInt8]) throws(Failure) -> TargetLocation {
        if relative.isEmpty { return root }
        let shown = joined(path, relative)
        let cut = relative.lastIndex(of: slash)
        let name = Array(relative[(cut.map { $0 + 1 } ?? 0)...])
        if name.isEmpty || [[UInt8(ascii: ".")], Array("..".utf8)].contains(name) {
            throw Failure(.malformed, shown, "is no name for a file")
        }
        do {
            let parent = Array(relative[..<(cut ?? 0)])
            if isDurable { touched.withLock { _ = $0.insert(parent) } }
            return TargetLocation(directory: try directory(parent), name: name, path: shown, isDurable: isDurable)
        } catch {
            throw error.failure(shown)
        }
    }

    private func directory(_ relative: [UInt8]) throws(SystemError) -> Descriptor {
        if relative.isEmpty { return try openedRoot() }
        if let known = recent.withLock({ $0 }), known.relative == relative { return known.directory }
        let directory = try openedRoot().directory(below: relative)
        recent.withLock { $0 = (relative, directory) }
        return directory
    }

    private static func open(_ parent: [UInt8], beneath base: [UInt8]?) throws(SystemError) -> Descriptor {
        guard let base, parent.starts(with: base) else { return try PathBase(parent).open(O_RDONLY | O_DIRECTORY) }
        return try PathBase(base).open(O_RDONLY | O_DIRECTORY).directory(below: parent[base.count...])
    }

    /// The user's path may be a symlink to a directory.
    private func openedRoot() throws(SystemError) -> Descriptor {
        try rootDirectory.withLock { (known) throws(SystemError) in
            if let known { return known }
            let directory = try openAt(
                root.directory.number, root.name, O_RDONLY | O_DIRECTORY | (isBeneath ? O_NOFOLLOW : 0))
            known = directory
            return directory
        }
    }
}

/// The parent directory of `path` and its last component; for `/` and paths ending in `..`, the directory and `.`.
private func split(_ path: [UInt8]) throws(SystemError) -> (parent: [UInt8], name: [UInt8]) {
    guard let cut = path.lastIndex(of: slash) else { throw SystemError(code: EINVAL, call: "open") }
    let name = Array(path[(cut + 1)...])
    if name.isEmpty || name.elementsEqual("..".utf8) { return (path, [UInt8(ascii: ".")]) }
    return (cut == 0 ? [slash] : Array(path[..<cut]), name)
}
