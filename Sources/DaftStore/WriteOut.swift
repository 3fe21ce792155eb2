// Writes a kept file to a user's path on this node: a reflink if possible, else a copy, renamed into place when
// complete.

import CLinux
import DaftModel
import DaftWire
import Glibc

extension Store {
    public func writeOut(_ order: WriteOut) throws(Failure) {
        let (place, existing) = try failing(at: order.path) { () throws(SystemError) in
            let place = try outside(order.path)
            return (place, try self.existing(at: place))
        }
        // Devices, fifos and symlinks are never replaced, even when forced.
        if let existing, !existing.isFile {
            throw Failure(.taken, order.path, "is no plain file: nothing else is replaced")
        }
        if existing != nil, !order.isForced { throw isThere(order.path) }
        if order.isTrial { return }
        try failing(at: order.path) { () throws(SystemError) in try writeOut(order, to: place) }
    }

    private func existing(at place: Location) throws(SystemError) -> Status? {
        do throws(SystemError) { return try place.status() } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    private func failing<T>(at path: [UInt8], _ body: () throws(SystemError) -> T) throws(Failure) -> T {
        do throws(SystemError) { return try body() } catch {
            throw error.exists ? isThere(path) : error.failure(path)
        }
    }

    private func isThere(_ path: [UInt8]) -> Failure { Failure(.taken, path, "is there already: --force replaces it") }

    private func writeOut(_ order: WriteOut, to place: Location) throws(SystemError) {
        let source = try paths.open(order.name)
        let unfinished = Location(place.directory, Array(".daft-\(getpid())-".utf8) + place.leaf)
        do {
            _ = try duplicate(source, try source.status().size, to: unfinished)
            let file = try unfinished.open(O_RDONLY)
            if let mtime = order.mtime { try file.setTimes(mtime) }
            try file.setMode(order.mode)
            if isDurable { try disk.sync(file: file) }
            try move(unfinished, to: place, replacing: order.isForced)
            if isDurable { try disk.sync(directory: place.directory) }
        } catch {
            // The caller gets the first error.
            try? disk.remove(unfinished)
            throw error
        }
    }

    private func move(_ unfinished: Location, to place: Location, replacing: Bool) throws(SystemError) {
        if !replacing { return try disk.rename(unfinished, to: place) }
        try unfinished.withLeaf { (old) throws(SystemError) in
            try place.withLeaf { (new) throws(SystemError) in
                _ = try system("rename") { renameat(place.directory.number, old, place.directory.number, new) }
            }
        }
    }

    private func outside(_ path: [UInt8]) throws(SystemError) -> Location {
        guard let cut = path.lastIndex(of: slash), cut + 1 < path.count else {
            throw SystemError(code: EISDIR, call: "open")
        }
        let parent = cut == 0 ? [slash] : Array(path[..<cut])
        return Location(try PathBase(parent).open(O_RDONLY | O_DIRECTORY), path[(cut + 1)...])
    }
}

/// The regular file that a user's path resolves to.
public func plainFile(at path: [UInt8]) throws(Failure) -> SourceFileInfo {
    let real = try realPath(path)
    let info = try sighting(of: real)
    var raw = stat()
    guard withCString(real, { lstat($0, &raw) }) == 0, raw.st_mode & S_IFMT == S_IFREG else {
        throw Failure(.usage, path, "is no plain file")
    }
    return info
}

/// The absolute path, the same on every node with the same working directory.
public func wholePath(_ path: [UInt8]) throws(Failure) -> [UInt8] {
    do throws(SystemError) { return try absolutePath(path) } catch { throw error.failure(path) }
}
