// A directory entry in the user's tree where `get` writes. Symlinks there are never followed, and entries of another
// kind never removed.

import CLinux
import DaftModel
import Glibc

struct TargetLocation: Sendable {
    let directory: Descriptor
    let name: [UInt8]
    /// The path for messages.
    let path: [UInt8]
    /// Whether finished files are synced.
    let isDurable: Bool

    /// The status of the entry, or nil.
    func status() throws(Failure) -> Status? {
        do {
            return try statusAt(directory.number, name)
        } catch {
            if error.isNotFound { return nil }
            throw error.failure(path)
        }
    }

    /// The existing regular file, or nil; throws for anything else.
    func existingFile() throws(Failure) -> Status? {
        guard let status = try status() else { return nil }
        if !status.isFile { throw taken("file", by: status) }
        return status
    }

    func open(_ flags: Int32) throws(SystemError) -> Descriptor {
        try openAt(directory.number, name, flags | O_NOFOLLOW | O_NONBLOCK)
    }

    func taken(_ wanted: String, by status: Status?) -> Failure {
        let other =
            switch status.map({ $0.mode & S_IFMT }) {
            case S_IFREG: "a file"
            case S_IFDIR: "a directory"
            case S_IFLNK: "a symlink"
            default: "something else"
            }
        return Failure(.taken, path, "\(other) is in the way of a \(wanted)")
    }

    func makeDirectory(mode: UInt16 = 0o700) throws(Failure) {
        do {
            try withCString(name) { (name) throws(SystemError) in
                try system("mkdir") { mkdirat(directory.number, name, 0o700) }
                // Independent of this process's umask.
                if mode != 0o700 { try system("chmod") { fchmodat(directory.number, name, mode_t(mode), 0) } }
            }
        } catch {
            if !error.exists { throw error.failure(path) }
            let status = try status()
            guard let status, status.isDirectory else { throw taken("directory", by: status) }
            if !status.ownerMayWrite { allowWriting() }
        }
    }

    /// Changes the directory itself, never a symlink's target; works on directories that their owner cannot read. If it
    /// fails, so do writes into the directory, and they report their own names.
    private func allowWriting() {
        let flags = linux_o_path | O_DIRECTORY | O_NOFOLLOW
        guard let found = try? openAt(directory.number, name, flags), let status = try? found.status() else { return }
        _ = chmod("/proc/self/fd/\(found.number)", status.writableMode)
    }

    func makeSymlink(to target: [UInt8], mtime: Time) throws(Failure) {
        do {
            try withCString(name) { (name) throws(SystemError) in
                try makeSymlink(name, to: target)
                try setTimesAt(directory.number, name, mtime)
            }
        } catch {
            if error.exists { throw taken("symlink", by: try status()) }
            throw error.failure(path)
        }
    }

    private func makeSymlink(_ name: UnsafePointer<CChar>, to target: [UInt8]) throws(SystemError) {
        do {
            _ = try withCString(target) { (target) throws(SystemError) in
                try system("symlink") { symlinkat(target, directory.number, name) }
            }
        } catch {
            // It is not that symlink: throw the first error.
            guard error.exists, (try? symlinkTargetAt(directory.number, name)) == target else { throw error }
        }
    }

    /// Whether an existing file with the right bytes only needs its mode and mtime, and a sync if durable: with another
    /// mtime it may be one whose sync failed.
    func mayKeep(_ existing: Status, for entry: Entry) -> Bool { !isDurable || existing.mtime == entry.mtime }

    func syncDirectory() throws(Failure) {
        guard isDurable else { return }
        do { try directory.sync() } catch { throw error.failure(path) }
    }

    func remove() {
        withCString(name) { _ = unlinkat(directory.number, $0, 0) }
    }

    /// The partial file beside this entry: `.NAME.daft-partial`, with NAME shortened if too long.
    var partial: TargetLocation {
        TargetLocation(directory: directory, name: TargetPartial.name(for: name), path: path, isDurable: isDurable)
    }
}

// Directories finished by an earlier run may be read-only for their owner. If that cannot be changed, writes into them
// fail on their own.

extension Status {
    fileprivate var ownerMayWrite: Bool { mode & 0o700 == 0o700 }
    fileprivate var writableMode: mode_t { mode_t(permissions | 0o700) }
}

extension Descriptor {
    func allowWriting() {
        guard let status = try? status(), !status.ownerMayWrite else { return }
        _ = fchmod(number, status.writableMode)
    }

    /// Sets the mode and mtime of its entry.
    func settle(_ entry: Entry, durable: Bool) throws(SystemError) {
        try setMode(entry.mode)
        try setTimes(entry.mtime)
        if durable { try syncOrDisown() }
    }

    /// After a failed sync the kernel takes the pages for written and the next sync succeeds; another mtime marks the
    /// file.
    func syncOrDisown() throws(SystemError) {
        do {
            try sync()
        } catch {
            // If the mtime cannot be set either, the caller still gets the sync's error.
            try? touch()
            throw error
        }
    }
}
