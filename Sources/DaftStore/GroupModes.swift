// Modes in a store shared by a group: members must be able to read, write, rename and remove each other's files. Only a
// file's owner may set its mode and times, so to change those, another member's file is replaced by a copy.

import DaftModel
import Glibc
import Synchronization

struct GroupModes: Sendable {
    /// Nil: the store belongs to one user.
    let group: UInt32?

    var isOn: Bool { group != nil }

    /// Mode of daft's own files.
    var ownMode: UInt16 { isOn ? 0o660 : 0o600 }

    /// Mode of a file in DIR: never writable, readable for everyone who runs a daft with the store. In a group setuid
    /// and setgid are dropped, so that nobody runs a member's file as that member.
    func mode(of entry: Entry) -> UInt16 { isOn ? entry.mode & 0o555 | 0o440 : entry.modeInStore }

    /// Mode of a directory in DIR; its owner keeps all permissions.
    func directoryMode(of entry: Entry) -> UInt16 { isOn ? entry.mode & 0o775 | 0o2770 : entry.mode | 0o700 }

    func makeDirectory(_ place: Location, _ disk: Disk) throws(SystemError) {
        try disk.makeDirectory(place, mode: isOn ? 0o770 : 0o700)
        if isOn { try place.open(O_RDONLY | O_DIRECTORY).setMode(0o2770) }
    }

    /// Creates a file for daft's own use.
    func create(_ place: Location, _ disk: Disk) throws(SystemError) -> Descriptor {
        let file = try disk.create(place, mode: ownMode, exclusive: true)
        if isOn { try file.setMode(ownMode) }
        return file
    }

    /// Whether this process may set the mode and times of that file.
    func isOurs(_ status: Status) -> Bool { !isOn || geteuid() == 0 || status.owner == geteuid() }
}

extension Paths {
    private static let copies = Atomic<Int>(0)

    /// The file at `place`, opened for reading, with an owner that lets this process set its mode and times. `isCopy`:
    /// it replaces another member's file and has new times.
    func owned(_ place: Location, _ disk: Disk) throws(SystemError) -> (file: Descriptor, isCopy: Bool) {
        let file = try place.open(O_RDONLY)
        guard sharing.isOn else { return (file, false) }
        let status = try file.status()
        if sharing.isOurs(status) { return (file, false) }
        let number = Paths.copies.add(1, ordering: .relaxed).newValue
        let copy = Location(partial, Array("own-\(number)".utf8))
        // Left by a killed run. If it cannot be removed, the copy fails.
        try? disk.remove(copy)
        do throws(SystemError) {
            _ = try DaftStore.duplicate(file, status.size, to: copy, disk)
            let made = try copy.open(O_RDONLY)
            try disk.sync(file: made)
            try disk.replace(place, by: copy)
            return (made, true)
        } catch {
            // The caller gets the first error; the next start removes what is left in partial/.
            try? disk.remove(copy)
            throw error
        }
    }
}
