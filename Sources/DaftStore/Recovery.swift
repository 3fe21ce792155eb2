// Recovery at the start. A file with the recorded size, mtime and inode is trusted; any other is re-read before it is
// offered. After a power loss, so is everything not known to be synced.
//
//  1. Compare each name with its file. Missing: drop the name. Changed: re-read; right bytes refresh the record, wrong
//     ones drop the name and leave the file to whoever changed it.
//  2. A content without a name must have its file in partial/, else it is dropped; a replaced file there is re-read.
//  3. After a power loss, re-read what is not known to be synced, and remove names of files with wrong bytes.
//  4. Delete everything else in partial/.
//  5. A store that becomes durable first syncs all it has, since it may report any of that as kept.

import DaftModel
import DaftSQL
import Glibc

final class Recovery {
    private let ledger: Ledger
    private let paths: Paths
    private let disk: Disk
    private let bootID: [UInt8]
    private let isDurable: Bool
    private let parents: OpenDirectories
    /// The last process did not close the store.
    private var wasUnclean = false
    private var changes = 0
    /// The first dropped names.
    private(set) var changed: [Failure] = []
    private static let mostChanged = 20

    init(_ ledger: Ledger, _ paths: Paths, _ disk: Disk, bootID: [UInt8], durable: Bool) {
        self.ledger = ledger
        self.paths = paths
        self.disk = disk
        self.bootID = bootID
        isDurable = durable
        parents = OpenDirectories(paths, disk, durable: false)
    }

    /// Brings the ledger in line with the disk; returns the store's id.
    func run() throws -> StoreID {
        let lastBoot = try ledger.about("boot")
        wasUnclean = try lastBoot != nil && ledger.about("clean") != [1]
        let hasLostPower = lastBoot != nil && lastBoot != bootID
        let id = try ledger.about("id").map { try StoreID(decoding: $0) } ?? StoreID.random()
        try ledger.change {
            try ledger.setAbout("clean", [0])
            try compareNames()
            try finishRenames()
            var leaves = try paths.partialLeaves()
            if hasLostPower {
                try rehashIngests(leaves)
                try rehashContents()
                leaves = try paths.partialLeaves()
            }
            try removeGarbage(leaves, keeping: try compareContents(leaves))
            try settleDurability()
            // Last, so that a killed recovery starts over.
            try ledger.setAbout("id", id.encoded)
            try ledger.setAbout("boot", bootID)
        }
        return id
    }

    // MARK: names

    private func compareNames() throws {
        var different: [NameRow] = []
        var last: Name?
        repeat {
            let some = try ledger.nameRows(after: last, limit: 10_000)
            different += try some.filter { try !isAsRecorded($0) }
            last = some.last?.name
        } while last != nil
        for row in different { try settle(row) }
        if changes > changed.count {
            changed.append(Failure(.changed, paths.directory, "and \(changes - changed.count) more of the kind"))
        }
    }

    /// Drops a name whose file was removed or changed.
    private func drop(_ name: Name, _ what: String) throws {
        try ledger.forget(name)
        changes += 1
        if changes > Recovery.mostChanged { return }
        changed.append(Failure(.changed, name, "\(what) in \(shown(paths.directory)): no longer kept there"))
    }

    /// Nil if nothing is there; throws errors that do not mean absence.
    private func status(of name: Name) throws(SystemError) -> Status? {
        do throws(SystemError) {
            return try name.isRoot ? paths.root.status() : parents.place(of: name).status()
        } catch {
            if error.isAbsence { return nil }
            throw error
        }
    }

    private func isAsRecorded(_ row: NameRow) throws(SystemError) -> Bool {
        guard let status = try status(of: row.name) else { return false }
        switch row.entry.kind {
        case .directory: return status.isDirectory
        case .symlink: return status.isSymlink && FileStamp(status) == row.stamp
        case .file: return status.isFile && FileStamp(status) == row.stamp
        }
    }

    /// Examines a name whose file differs from its record.
    private func settle(_ row: NameRow) throws {
        let name = row.name
        guard let status = try status(of: name) else {
            // A killed run may have recorded the name without creating the file.
            return try wasUnclean ? ledger.forget(name) : drop(name, "has been removed")
        }
        switch row.entry.kind {
        case .directory: try drop(name, "is no directory any more")
        case .symlink(let target):
            guard status.isSymlink, try parents.place(of: name).symlinkTarget() == target else {
                return try drop(name, "is no longer that symlink")
            }
            try ledger.setStamp(FileStamp(status), of: name)
        case .file(let content):
            guard let manifest = try ledger.manifest(of: content), let (file, _) = try paths.openFile(name),
                try withChunkBuffer(manifest.chunkSize, { try ChunkCheck(manifest).isWhole(file, $0) })
            else {
                // Our file, damaged by a power loss: rehashContents removes it.
                if status.isFile, status.inode == row.stamp.inode, try isInDoubt(content) { return }
                return try drop(name, "has been changed")
            }
            try ledger.setStamp(FileStamp(status), of: name)
        }
    }

    private func isInDoubt(_ content: ContentID) throws -> Bool {
        guard let boot = try ledger.about("boot"), boot != bootID else { return false }
        return try ledger.isUnsynced(content)
    }

    // MARK: contents

    /// Completes ingests whose content was recorded but whose file was not renamed.
    private func finishRenames() throws {
        let known = try ledger.ingests().filter { $0.content != nil }
        for ingest in known {
            guard let content = ingest.content else { continue }
            do throws(SystemError) {
                try disk.rename(paths.ingest(ingest.key), to: paths.partial(of: content))
            } catch {
                // Done already, or lost: compareContents sees which. Any other error leaves the bytes where they are.
                guard error.isNotFound || error.exists else { throw error }
            }
            try ledger.forgetIngest(ingest.number)
        }
        // Forgotten ingests are not renamed again, so make the renames durable first.
        if isDurable, !known.isEmpty { try disk.sync(directory: paths.partial) }
    }

    private func rehashContents() throws {
        for (content, number) in try ledger.unsynced() {
            guard let manifest = try ledger.manifest(of: content) else { continue }
            let scrub = Scrub(paths: paths, disk: disk, content: content, manifest: manifest)
            let found = try scrub.find(ledger)
            let outcome = try withChunkBuffer(manifest.chunkSize) { buffer in
                try scrub.mend(found, scrub.inspect(found, buffer), buffer)
            }
            try scrub.record(outcome, ledger)
            scrub.finish(outcome)
            // Read back after the power loss, so it is on the disk.
            try ledger.setSynced(true, of: number)
        }
    }

    private func rehashIngests(_ leaves: Set<[UInt8]>) throws {
        for ingest in try ledger.ingests() where !ingest.isSynced {
            let place = paths.ingest(ingest.key)
            guard leaves.contains(place.leaf) else { continue }
            let file = try place.open(O_RDONLY)
            let ids = try ledger.ingested(ingest.number)
            let there = BitSet(ids.keys)
            let inspection = ChunkCheck(size: ingest.size, chunkSize: ingest.chunkSize) { ids[$0] }
            let good = try withChunkBuffer(ingest.chunkSize) { try inspection.good(in: file, among: there, $0) }
            for chunk in there where !good.contains(chunk) { try ledger.dropIngested(ingest.number, chunk) }
            try ledger.setIngestSynced(ingest.number, true)
        }
    }

    /// Drops contents without a file; returns the file names in partial/ that are in use.
    private func compareContents(_ leaves: Set<[UInt8]>) throws -> Set<[UInt8]> {
        var gone: [ContentID] = []
        var other: [ContentID] = []
        var kept: Set<[UInt8]> = []
        try ledger.sweep { content, size, inode, hasNames in
            if hasNames { return }
            let place = paths.partial(of: content)
            guard leaves.contains(place.leaf) else { return gone.append(content) }
            let status = try place.status()
            guard status.size == size else { return gone.append(content) }
            if let inode, inode != status.inode { return other.append(content) }
            kept.insert(place.leaf)
        }
        for content in other {
            if try takeOver(content) { kept.insert(paths.partial(of: content).leaf) } else { gone.append(content) }
        }
        for content in gone { try ledger.forget(content) }
        for ingest in try ledger.ingests() {
            let place = paths.ingest(ingest.key)
            if leaves.contains(place.leaf), try place.status().size == ingest.size, try !isNeedless(ingest) {
                kept.insert(place.leaf)
            } else {
                try ledger.forgetIngest(ingest.number)
            }
        }
        return kept
    }

    /// An interrupted ingest of a content that is complete already.
    private func isNeedless(_ ingest: KnownSourceFile) throws -> Bool {
        let ids = try ledger.ingested(ingest.number)
        guard let first = ids.first, let found = try ledger.chunkLocation(of: first.value),
            let manifest = try ledger.manifest(of: found.content), manifest.size == ingest.size,
            manifest.chunkSize == ingest.chunkSize, try ledger.extent(of: found.content) == .complete
        else { return false }
        return ids.allSatisfy { manifest.chunks.indices.contains($0.key) && manifest.chunks[$0.key] == $0.value }
    }

    /// Adopts a complete content with another inode, as in a copied store, if its bytes are right.
    private func takeOver(_ content: ContentID) throws -> Bool {
        let place = paths.partial(of: content)
        guard let known = try ledger.known(content), let manifest = try ledger.manifest(of: content) else {
            return false
        }
        let file = try place.open(O_RDONLY)
        guard try withChunkBuffer(manifest.chunkSize, { try ChunkCheck(manifest).isWhole(file, $0) }) else {
            return false
        }
        try ledger.setInode(try file.status().inode, of: known.number)
        return true
    }

    /// Data of an earlier, non-durable run may not be synced.
    private func settleDurability() throws {
        if isDurable, try ledger.about("durable") != [1] {
            try disk.sync(filesystemOf: paths.root)
            try ledger.setAllSynced()
        }
        try ledger.setAbout("durable", [isDurable ? 1 : 0])
    }

    private func removeGarbage(_ leaves: Set<[UInt8]>, keeping kept: Set<[UInt8]>) throws {
        for leaf in leaves.subtracting(kept) { try disk.remove(Location(paths.partial, leaf)) }
    }
}
