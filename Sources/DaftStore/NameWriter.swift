// Places contents at their names in DIR. One call handles many entries: look up, copy for further names, record all in
// one transaction, rename. Failures are then removed from the record.

import DaftModel
import Glibc

extension Store {
    /// Places kept contents at their names and creates directories and symlinks, with parents as needed. Returns a
    /// failure per entry that could not be placed.
    public func place(_ entries: [NamedEntry]) throws(Failure) -> [Failure] {
        try locks.withLock(Set(entries.compactMap(\.entry.content))) { () throws(Failure) in
            try placeLocked(entries)
        }
    }

    /// The caller holds the contents' locks.
    func placeLocked(_ entries: [NamedEntry]) throws(Failure) -> [Failure] {
        let nameWriter = NameWriter(self)
        let ways = try looked { ledger in
            try entries.map { named in
                let existing = try ledger.nameRow(named.name)
                return (existing: existing, way: try nameWriter.way(named, existing, ledger))
            }
        }
        let steps = zip(entries, ways).compactMap { nameWriter.prepare($0, $1.way, $1.existing) }
        try change { ledger in
            for step in steps {
                if !step.isRecorded { try ledger.record(step.named, step.number, step.stamp) }
                if case .further(let known) = step.way { try nameWriter.noteCopy(of: known.number, ledger) }
            }
        }
        for step in steps { nameWriter.place(step) }
        let corrections = nameWriter.corrections
        if !corrections.isEmpty {
            try change { ledger in for correction in corrections { try correction.apply(ledger) } }
        }
        do { try nameWriter.parents.syncTouched() } catch {
            // If this fails too, placing the same names again syncs them anyway.
            noteUnsynced()
            throw error.failure(directory)
        }
        return nameWriter.failures
    }

    private func noteUnsynced() { try? change { try $0.setAbout("unsynced", [1]) } }

    /// Whether syncing a directory has failed, so that entries that look right may not be on the disk.
    func isUnsynced() throws(Failure) -> Bool {
        guard isDurable else { return false }
        return try recorded { try $0.about("unsynced") } == [1]
    }

    /// Syncs every directory with entries if a sync has failed.
    public func syncDirectories() throws(Failure) {
        guard try isUnsynced() else { return }
        var directories: Set<Name> = [.root]
        var last: Name? = .root
        while let after = last {
            let page = try named(after: after, limit: 1_000)
            for named in page {
                directories.formUnion(named.name.ancestors)
                if named.entry.isDirectory { directories.insert(named.name) }
            }
            last = page.last?.name
        }
        for name in directories { try syncDirectory(name) }
        try change { try $0.setAbout("unsynced", [0]) }
    }

    private func syncDirectory(_ name: Name) throws(Failure) {
        do throws(SystemError) {
            try disk.sync(directory: try paths.open(name, O_RDONLY | O_DIRECTORY))
        } catch { throw error.failure(name.bytes) }
    }

    /// Sets the modes and mtimes of finished directories. The owner keeps all permissions, so that more can be placed;
    /// the store's root keeps its mode. After a failed sync the modes and times are written once more, since the kernel
    /// does not retry.
    public func finishDirectories(_ entries: [NamedEntry]) -> [Failure] {
        let directories = entries.filter(\.entry.isDirectory).map { ($0, $0.name.parts.count) }
        var failures: [Failure] = []
        // If that is unknown, write the modes and times.
        let isUnsure = (try? isUnsynced()) ?? true
        for (named, _) in directories.sorted(by: { $0.1 > $1.1 }) {
            do throws(SystemError) {
                let file = try paths.open(named.name, O_RDONLY | O_DIRECTORY)
                let status = try file.status()
                let mode = named.name.isRoot ? status.permissions : paths.sharing.directoryMode(of: named.entry)
                if status.permissions == mode, status.mtime == named.entry.mtime, !isUnsure { continue }
                // Another member's directory keeps the mode that lets everyone work in it, and its time.
                if !paths.sharing.isOurs(status) { continue }
                try file.setMode(mode)
                try file.setTimes(named.entry.mtime)
                if isDurable { try disk.sync(directory: file) }
            } catch { failures.append(NameWriter.failure(error, named.name)) }
        }
        if isDurable, !failures.isEmpty { noteUnsynced() }
        return failures
    }
}

/// One call of `place`.
private final class NameWriter {
    enum Way: Sendable {
        case directory, symlink
        /// Our file is in place already.
        case again(KnownContent, FileStamp)
        case first(KnownContent)
        case further(KnownContent)
        case refused(Failure)
    }

    struct Step: Sendable {
        let named: NamedEntry
        let way: Way
        /// The file before it is renamed to its name.
        let source: Location?
        let stamp: FileStamp
        /// The ledger has this record already.
        let isRecorded: Bool

        init(named: NamedEntry, way: Way, source: Location? = nil, stamp: FileStamp, existing: NameRow?) {
            self.named = named
            self.way = way
            self.source = source
            self.stamp = stamp
            // A symlink's stamp is known only after its creation.
            isRecorded = existing?.entry == named.entry && (existing?.stamp == stamp || named.entry.content == nil)
        }

        var number: Int64? {
            switch way {
            case .again(let known, _), .first(let known), .further(let known): known.number
            default: nil
            }
        }
    }

    /// Differences between the record and what was done.
    enum Correction: Sendable {
        case stamp(Name, FileStamp)
        case gone(Name)
        case unsynced(Int64)

        func apply(_ ledger: Ledger) throws {
            switch self {
            case .unsynced(let number): try ledger.setSynced(false, of: number)
            case .stamp(let name, let stamp): try ledger.setStamp(stamp, of: name)
            case .gone(let name): try ledger.forget(name)
            }
        }
    }

    private let store: Store
    let parents: OpenDirectories
    private(set) var failures: [Failure] = []
    private(set) var corrections: [Correction] = []

    init(_ store: Store) {
        self.store = store
        parents = OpenDirectories(store.paths, store.disk, durable: store.isDurable)
    }

    // MARK: preparation

    /// The content's file is now an unsynced copy.
    func noteCopy(of number: Int64, _ ledger: Ledger) throws {
        if !store.isDurable { try ledger.setSynced(false, of: number) }
    }

    func way(_ named: NamedEntry, _ existing: NameRow?, _ ledger: Ledger) throws -> Way {
        if named.name.isRoot, !named.entry.isDirectory {
            return .refused(Failure(.taken, named.name, "the store's own directory stands there"))
        }
        if let existing, !existing.entry.admits(named.entry) {
            return .refused(Failure(.taken, named.name, "another \(existing.entry.word) stands there"))
        }
        switch named.entry.kind {
        case .directory: return .directory
        case .symlink: return .symlink
        case .file(let content):
            guard let known = try ledger.known(content), known.isComplete else {
                return .refused(Failure(.missing, named.name, "its content is not complete here"))
            }
            if let existing { return .again(known, existing.stamp) }
            return known.hasNames ? .further(known) : .first(known)
        }
    }

    func prepare(_ named: NamedEntry, _ way: Way, _ existing: NameRow?) -> Step? {
        func step(_ stamp: FileStamp, from source: Location? = nil) -> Step {
            Step(named: named, way: way, source: source, stamp: stamp, existing: existing)
        }
        let mtime = named.entry.mtime
        do throws(Failure) {
            switch way {
            case .refused(let failure): throw failure
            case .directory, .symlink:
                return step(FileStamp(size: 0, mtime: mtime, inode: 0))
            case .first(let known):
                let stamp = FileStamp(size: known.size, mtime: mtime, inode: known.inode)
                return step(stamp, from: named.entry.content.map { store.paths.partial(of: $0) })
            case .again(let known, let old):
                guard let inode = inode(recordedAs: named, old) else { return try further(named, known) }
                return step(FileStamp(size: known.size, mtime: mtime, inode: inode))
            case .further(let known): return try further(named, known)
            }
        } catch {
            failures.append(error)
            return nil
        }
    }

    /// The inode of the file at this name, if it matches its record, or can be read and its bytes are right.
    private func inode(recordedAs named: NamedEntry, _ old: FileStamp) -> UInt64? {
        guard let status = try? parents.place(of: named.name).status(), status.isFile else { return nil }
        if FileStamp(status) == old { return status.inode }
        guard let content = named.entry.content, let manifest = try? store.manifest(of: content),
            let file = try? store.paths.open(named.name),
            (try? withChunkBuffer(manifest.chunkSize) { try ChunkCheck(manifest).isWhole(file, $0) }) == true
        else { return nil }
        return status.inode
    }

    private func further(_ named: NamedEntry, _ known: KnownContent) throws(Failure) -> Step? {
        guard let content = named.entry.content else { return nil }
        let file = try store.open(content, known, unchanged: true)
        do throws(SystemError) {
            let (source, inode) = try copy(file, known.size, of: content)
            let stamp = FileStamp(size: known.size, mtime: named.entry.mtime, inode: inode)
            return Step(named: named, way: .further(known), source: source, stamp: stamp, existing: nil)
        } catch { throw error.failure(named.name.bytes) }
    }

    private func copy(
        _ file: Descriptor, _ size: Int64, of content: ContentID
    ) throws(SystemError) -> (Location, inode: UInt64) {
        let place = store.aside(store.paths.partial(of: content))
        do throws(SystemError) {
            return (place, try store.duplicate(file, size, to: place))
        } catch {
            store.removePartial(place)
            throw error
        }
    }

    // MARK: files in DIR

    func place(_ step: Step) {
        do throws(Failure) {
            if step.named.name.isRoot { return }
            do throws(SystemError) {
                let place = try parents.place(of: step.named.name, making: true)
                switch step.named.entry.kind {
                case .directory: try makeDirectory(place)
                case .symlink(let target): try makeSymlink(place, target, step)
                case .file: try placeFile(place, step)
                }
            } catch {
                throw NameWriter.failure(error, step.named.name)
            }
        } catch {
            failures.append(error)
            if case .again = step.way { return }
            corrections.append(.gone(step.named.name))
        }
    }

    static func failure(_ error: SystemError, _ name: Name) -> Failure {
        switch error.code {
        case EEXIST:
            Failure(
                .taken, name,
                "something that daft did not put there stands in its place: move it away, or put the file again")
        case ENOTDIR, ELOOP: Failure(.taken, name, "a file or symlink stands where a directory should be")
        default: error.failure(name.bytes)
        }
    }

    private func makeDirectory(_ place: Location) throws(SystemError) {
        do {
            try store.paths.sharing.makeDirectory(place, store.disk)
        } catch {
            guard error.exists, try place.status().isDirectory else { throw error }
        }
        try parents.touch(place.directory)
    }

    private func makeSymlink(_ place: Location, _ target: [UInt8], _ step: Step) throws(SystemError) {
        do {
            try store.disk.makeSymlink(place, to: target)
        } catch {
            guard error.exists, try place.status().isSymlink, try place.symlinkTarget() == target else { throw error }
            if !store.paths.sharing.isOurs(try place.status()) {
                try store.disk.remove(place)
                try store.disk.makeSymlink(place, to: target)
            }
        }
        try place.setTimes(step.named.entry.mtime)
        corrections.append(.stamp(step.named.name, FileStamp(try place.status())))
        try parents.touch(place.directory)
    }

    private func placeFile(_ place: Location, _ step: Step) throws(SystemError) {
        let entry = step.named.entry
        guard let source = step.source else {
            try refresh(place, step)
            return try parents.touch(place.directory)
        }
        do {
            if try move(source, to: place, entry) { try noteStamp(of: place, step) }
        } catch {
            if error.isNotFound, case .first(let known) = step.way, let content = entry.content {
                return try placeCopy(of: content, known, place, step, else: error)
            }
            let isCopy = if case .further = step.way { true } else { false }
            try adopt(place, step, insteadOf: source, isCopy: isCopy, else: error)
        }
    }

    /// Another call has placed the content meanwhile, perhaps at this very name. Otherwise `error` is thrown.
    private func placeCopy(
        of content: ContentID, _ known: KnownContent, _ place: Location, _ step: Step, else error: SystemError
    ) throws(SystemError) {
        guard let file = try? store.open(content, known, unchanged: true) else { throw error }
        let (source, inode) = try copy(file, known.size, of: content)
        let mtime = step.named.entry.mtime
        do {
            _ = try move(source, to: place, step.named.entry)
            corrections.append(.stamp(step.named.name, FileStamp(size: known.size, mtime: mtime, inode: inode)))
            if !store.isDurable { corrections.append(.unsynced(known.number)) }
        } catch {
            try adopt(place, step, insteadOf: source, isCopy: true, else: error)
        }
    }

    /// Adopts an existing file if its bytes are right. A copy made for the name is removed in any case.
    private func adopt(
        _ place: Location, _ step: Step, insteadOf source: Location, isCopy: Bool, else error: SystemError
    ) throws(SystemError) {
        let isRight = error.exists ? try adopt(place, step) : false
        if isRight || isCopy { store.removePartial(source) }
        if !isRight { throw error }
    }

    /// Returns whether it is another file than recorded.
    private func move(_ source: Location, to place: Location, _ entry: Entry) throws(SystemError) -> Bool {
        let sharing = store.paths.sharing
        let isCopy = sharing.isOn ? try store.paths.owned(source, store.disk).isCopy : false
        try source.setTimes(entry.mtime)
        let mode = sharing.mode(of: entry)
        if mode != Store.sealedMode { try source.open(O_RDONLY).setMode(mode) }
        try store.disk.rename(source, to: place)
        try parents.touch(place.directory)
        return isCopy
    }

    private func noteStamp(of place: Location, _ step: Step) throws(SystemError) {
        corrections.append(.stamp(step.named.name, FileStamp(try place.status())))
    }

    /// Gives the existing file the mode and time of its entry.
    private func refresh(_ place: Location, _ step: Step) throws(SystemError) {
        let (entry, sharing) = (step.named.entry, store.paths.sharing)
        if sharing.isOn {
            let status = try place.status()
            if status.permissions == sharing.mode(of: entry), status.mtime == entry.mtime {
                return store.isDurable ? try store.disk.sync(file: place.open(O_RDONLY)) : ()
            }
        }
        let (file, isCopy) = try store.paths.owned(place, store.disk)
        try file.setMode(sharing.mode(of: entry))
        try file.setTimes(entry.mtime)
        if store.isDurable { try store.disk.sync(file: file) }
        if isCopy {
            if let content = entry.content { store.opened[content] = nil }
            try noteStamp(of: place, step)
        }
    }

    /// Adopts a file of another origin if its bytes are known to be right.
    private func adopt(_ place: Location, _ step: Step) throws(SystemError) -> Bool {
        guard let content = step.named.entry.content, let manifest = try? store.manifest(of: content),
            try place.status().isFile
        else { return false }
        let file = try place.open(O_RDONLY)
        let isWhole = try withChunkBuffer(manifest.chunkSize) { (buffer) throws(SystemError) in
            try ChunkCheck(manifest).isWhole(file, buffer)
        }
        guard isWhole else { return false }
        try refresh(place, step)
        if store.isDurable {
            try store.disk.sync(directory: place.directory)
        } else if let number = step.number {
            corrections.append(.unsynced(number))
        }
        try noteStamp(of: place, step)
        return true
    }
}
