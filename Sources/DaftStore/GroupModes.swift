// A store that a group shares: what one member's daft has made another member's must read, write into, rename and
// remove. Only a file's owner may set its mode and times, so where those are to change, another member's file is
// replaced by a copy.

import DaftModel
import Glibc
import Synchronization

struct GroupModes: Sendable {
    /// Nil: the store is one user's.
    let group: UInt32?

    var isOn: Bool { group != nil }

    /// Of files that are daft's own.
    var ownMode: UInt16 { isOn ? 0o660 : 0o600 }

    /// Of a file in DIR: nobody writes, and whoever runs a daft with the store reads. Where others publish, no file of
    /// one user's runs as that user.
    func mode(of entry: Entry) -> UInt16 { isOn ? entry.mode & 0o555 | 0o440 : entry.modeInStore }

    /// Of a directory in DIR, whose owner goes on to be allowed everything.
    func directoryMode(of entry: Entry) -> UInt16 { isOn ? entry.mode & 0o775 | 0o2770 : entry.mode | 0o700 }

    func makeDirectory(_ place: Location, _ disk: Disk) throws(SystemError) {
        try disk.makeDirectory(place, mode: isOn ? 0o770 : 0o700)
        if isOn { try place.open(O_RDONLY | O_DIRECTORY).setMode(0o2770) }
    }

    /// A new file of daft's own.
    func create(_ place: Location, _ disk: Disk) throws(SystemError) -> Descriptor {
        let file = try disk.create(place, mode: ownMode, exclusive: true)
        if isOn { try file.setMode(ownMode) }
        return file
    }

    /// Whether this process may set the mode and times of what that is the status of.
    func isOurs(_ status: Status) -> Bool { !isOn || geteuid() == 0 || status.owner == geteuid() }
}

extension Paths {
    private static let copies = Atomic<Int>(0)

    /// The file at `place`, for reading, as one whose mode and times this process may set; `isCopy` where it is another
    /// file than before. Its times are not those of the other.
    func owned(_ place: Location, _ disk: Disk) throws(SystemError) -> (file: Descriptor, isCopy: Bool) {
        let file = try place.open(O_RDONLY)
        guard sharing.isOn else { return (file, false) }
        let status = try file.status()
        if sharing.isOurs(status) { return (file, false) }
        let number = Paths.copies.add(1, ordering: .relaxed).newValue
        let copy = Location(partial, Array("own-\(number)".utf8))
        // Of a run that was killed.
        try? disk.remove(copy)
        do throws(SystemError) {
            _ = try DaftStore.duplicate(file, status.size, to: copy, disk)
            let made = try copy.open(O_RDONLY)
            try disk.sync(file: made)
            try disk.replace(place, by: copy)
            return (made, true)
        } catch {
            try? disk.remove(copy)
            throw error
        }
    }
}
