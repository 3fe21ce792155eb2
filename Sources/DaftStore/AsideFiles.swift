// Moves files that conflict with published names to DIR/.daft/aside: no user data is deleted, and no name shows
// anything but what is published under it.

import DaftModel
import Glibc

extension Store {
    /// Moves the file at a name aside and forgets the name; returns its new path.
    public func setAside(_ name: Name) throws(Failure) -> [UInt8] {
        let content = try entry(name)?.content
        return try locks.withLock(Set([content].compactMap(\.self))) { () throws(Failure) in
            try setAsideLocked(name, content)
        }
    }

    private func setAsideLocked(_ name: Name, _ content: ContentID?) throws(Failure) -> [UInt8] {
        do {
            let leaf = Array(digest(of: name.bytes + Array(id.hex.utf8)).hex.utf8)
            let target = Location(try directoryForAsides(), leaf)
            // An earlier file of the same name; if it cannot be removed, the rename fails.
            try? disk.remove(target)
            let place = try OpenDirectories(paths, disk, durable: isDurable).place(of: name)
            try disk.rename(place, to: target)
            if isDurable {
                try disk.sync(directory: place.directory)
                try disk.sync(directory: target.directory)
            }
            try change { ledger in
                try ledger.forget(name)
                if let content, let known = try ledger.known(content), !known.hasNames { try ledger.forget(content) }
            }
            if let content { opened[content] = nil }
            return directory + Array("/.daft/aside/".utf8) + leaf
        } catch let error as SystemError {
            throw error.failure(name.bytes)
        } catch { throw Store.failure(error, directory) }
    }

    private func directoryForAsides() throws(SystemError) -> Descriptor {
        let place = Location(paths.own, "aside".utf8)
        do { try paths.sharing.makeDirectory(place, disk) } catch { if !error.exists { throw error } }
        return try place.open(O_RDONLY | O_DIRECTORY)
    }
}
