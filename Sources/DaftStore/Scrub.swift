// Re-reads and hashes one content at all its names. Wrong chunks are dropped and names with wrong bytes removed: a file
// moves back to partial/, completed with good chunks from other names.
//
// Only wrong bytes count as corruption and only a missing file as absence. Any other error (no descriptors, no
// permission) ends the check without changes.

import DaftModel
import DaftWire
import Glibc

/// The result of a check.
public struct Checked: Hashable, Sendable {
    /// Chunks that were kept and no longer are.
    public let lost: [Int]
    /// Chunks that were wrong at one name and restored from another.
    public let mended: Int

    static let sound = Checked(lost: [], mended: 0)
}

/// `find` uses the ledger; `inspect`, which is slow, and `mend`, which changes files, do not.
struct Scrub {
    let paths: Paths
    let disk: Disk
    let content: ContentID
    let manifest: Manifest
    var scheduler: (any StoreScheduler)?
    var readsDirectly = false

    /// The recorded state.
    struct Found: Sendable {
        let have: BitSet
        let nameRows: [NameRow]
    }

    /// The actual state.
    enum Verdict {
        case partial(isThere: Bool, size: Int64, good: BitSet)
        case names([Copy])
    }

    /// A file at a name, or one in partial/ although names are recorded.
    struct Copy {
        let name: Name?
        /// A regular file exists.
        var isThere = false
        /// It is exactly the content.
        var isRight = false
        var good = BitSet()
    }

    /// What to record after the files have changed.
    struct Outcome: Sendable {
        let checked: Checked
        var forgotten: [Name] = []
        /// The chunks now in partial/; nil if unchanged.
        var part: BitSet?
    }

    private var all: BitSet { BitSet(below: manifest.chunks.count) }
    private var place: Location { paths.partial(of: content) }

    func find(_ ledger: Ledger) throws -> Found {
        guard let known = try ledger.known(content) else { return Found(have: BitSet(), nameRows: []) }
        let extent = try ledger.extent(of: content)
        return Found(
            have: extent.chunks(of: manifest.chunks.count), nameRows: try ledger.nameRows(of: content, known.number))
    }

    // MARK: inspection

    func inspect(_ found: Found, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Verdict {
        if found.nameRows.isEmpty { return try inspectPartial(found.have, buffer) }
        var copies: [Copy] = []
        for row in found.nameRows { copies.append(try inspect(row.name, buffer)) }
        // A run may have recorded the names without moving the file.
        if !copies.contains(where: \.isRight), let (file, status) = try openPartial() {
            let copy = try inspect(file, status, nil, buffer)
            if copy.isRight { copies.append(copy) }
        }
        return .names(copies)
    }

    private func inspectPartial(
        _ have: BitSet, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Verdict {
        guard let (file, status) = try openPartial() else { return .partial(isThere: false, size: 0, good: BitSet()) }
        return .partial(isThere: true, size: status.size, good: try inspection.good(in: file, among: have, buffer))
    }

    private func openPartial() throws(SystemError) -> (Descriptor, Status)? {
        scheduler?.pass()
        do throws(SystemError) {
            let file = try place.open(O_RDONLY)
            return (file, try file.status())
        } catch {
            if error.isNotFound { return nil }
            throw error
        }
    }

    private func inspect(_ name: Name, _ buffer: UnsafeMutableRawBufferPointer) throws(SystemError) -> Copy {
        scheduler?.pass()
        guard let (file, status) = try paths.openFile(name) else { return Copy(name: name) }
        return try inspect(file, status, name, buffer)
    }

    private func inspect(
        _ file: Descriptor, _ status: Status, _ name: Name?, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Copy {
        let good = try inspection.good(in: file, among: all, buffer)
        // Of another length, so not this content even if all chunks are right.
        let isContent = status.size == manifest.size || good != all
        return Copy(
            name: name, isThere: true, isRight: status.size == manifest.size && good == all,
            good: isContent ? good : BitSet())
    }

    private var inspection: ChunkCheck {
        var inspection = ChunkCheck(manifest)
        inspection.readsDirectly = readsDirectly
        return inspection
    }

    func isSound(_ found: Found, _ verdict: Verdict) -> Bool {
        switch verdict {
        case .partial(let isThere, let size, let good):
            isThere ? good == found.have && size == manifest.size : found.have.isEmpty
        case .names(let copies): copies.allSatisfy(\.isRight)
        }
    }

    // MARK: repair

    /// Changes the files so that none has wrong bytes; returns what to record.
    func mend(
        _ found: Found, _ verdict: Verdict, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Outcome {
        if isSound(found, verdict) { return Outcome(checked: .sound) }
        switch verdict {
        case .partial(let isThere, _, let good): return try mendPartial(found.have, isThere, good)
        case .names(let copies):
            let wrong = copies.filter { !$0.isRight }
            if !copies.contains(where: { $0.isRight && $0.name != nil }) { return try moveBack(copies, buffer) }
            for copy in wrong { try takeAway(copy) }
            return Outcome(checked: checked(copies, good: all), forgotten: wrong.compactMap(\.name))
        }
    }

    private func mendPartial(_ have: BitSet, _ isThere: Bool, _ good: BitSet) throws(SystemError) -> Outcome {
        if isThere { try disk.truncate(try reopened(place), to: manifest.size) }
        return Outcome(checked: Checked(lost: Array(difference(have, good)), mended: 0), part: good)
    }

    /// Moves the file with the most good chunks to partial/, adds good chunks of the others, and removes all names.
    private func moveBack(
        _ copies: [Copy], _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) -> Outcome {
        let names = copies.compactMap(\.name)
        let inPartial = copies.first { $0.name == nil }
        guard let best = inPartial ?? copies.filter(\.isThere).max(by: { $0.good.count < $1.good.count }) else {
            return Outcome(checked: checked(copies, good: BitSet()), forgotten: names, part: BitSet())
        }
        let file = try movedToPartial(best)
        var good = best.good
        for copy in copies where copy.name != best.name { try add(copy, to: file, &good, buffer) }
        // After a power loss, data read back counts as synced.
        if good != best.good { try disk.sync(file: file) }
        for copy in copies where copy.name != best.name { try takeAway(copy) }
        return Outcome(checked: checked(copies, good: good), forgotten: names, part: good)
    }

    /// Moves a copy's file to partial/, writable and of the content's size.
    private func movedToPartial(_ copy: Copy) throws(SystemError) -> Descriptor {
        if let name = copy.name {
            let current = try location(of: name)
            do { try disk.remove(place) } catch { if !error.isNotFound { throw error } }
            try disk.rename(current, to: place)
            try disk.sync(directory: current.directory)
        }
        let file = try reopened(place)
        try disk.truncate(file, to: manifest.size)
        return file
    }

    /// Copies missing chunks from a copy.
    private func add(
        _ copy: Copy, to file: Descriptor, _ good: inout BitSet, _ buffer: UnsafeMutableRawBufferPointer
    ) throws(SystemError) {
        let wanted = difference(copy.good, good)
        guard !wanted.isEmpty, let name = copy.name, let (source, _) = try paths.openFile(name) else { return }
        for chunk in wanted {
            let memory = UnsafeMutableRawBufferPointer(rebasing: buffer[..<manifest.length(of: chunk)])
            guard try source.read(into: memory, at: manifest.offset(of: chunk)) == memory.count else { continue }
            try disk.write(UnsafeRawBufferPointer(memory), to: file, at: manifest.offset(of: chunk))
            good.insert(chunk)
        }
    }

    /// Synced even if not durable: a name restored by a power loss would show wrong bytes and be in no record.
    private func takeAway(_ copy: Copy) throws(SystemError) {
        guard copy.isThere, let name = copy.name else { return }
        let place = try location(of: name)
        try disk.remove(place)
        try disk.sync(directory: place.directory)
    }

    private func location(of name: Name) throws(SystemError) -> Location {
        try OpenDirectories(paths, disk, durable: false).place(of: name)
    }

    /// Makes a sealed file writable.
    private func reopened(_ place: Location) throws(SystemError) -> Descriptor {
        try paths.owned(place, disk).file.setMode(paths.sharing.ownMode)
        return try disk.create(place, mode: 0o600, exclusive: false)
    }

    /// Compares the chunks of all copies with the good ones now present.
    private func checked(_ copies: [Copy], good: BitSet) -> Checked {
        Checked(
            lost: Array(difference(all, good)),
            mended: copies.reduce(0) { $1.name == nil ? $0 : $0 + difference(good, $1.good).count })
    }

    private func difference(_ chunks: BitSet, _ some: BitSet) -> BitSet {
        var rest = chunks
        rest.subtract(some)
        return rest
    }

    // MARK: recording

    func record(_ outcome: Outcome, _ ledger: Ledger) throws {
        for name in outcome.forgotten { try ledger.forget(name) }
        guard let part = outcome.part else { return }
        if part.isEmpty {
            try ledger.forget(content)
        } else {
            try ledger.setPart(content, manifest, part, synced: false)
        }
    }

    /// Work that remains after recording.
    func finish(_ outcome: Outcome) {
        // Unrecorded, it is garbage that the next start removes.
        if outcome.part?.isEmpty == true { try? disk.remove(place) }
    }
}
