// A data server's bytes at rest. DIR is the namespace as plain files; DIR/.daft holds what the store knows of them
// (store.sqlite), contents that are being filled (partial/) and the lock. Calls block and may come from several
// threads: files are read and written outside any lock, the ledger inside a mutex.
//
// A content's life: fill or ingest (a sparse file in partial/, each chunk at its offset) -> finish (complete, still in
// partial/) -> place (renamed to its first name; further names are copies). The ledger is written before the rename, so
// that after a kill a recorded name either stands or its content still lies in partial/.

import DaftModel
import DaftSQL
import DaftWire
import Glibc
import Synchronization

public final class Store: Sendable {
    public struct Options: Sendable {
        /// What is acknowledged is on the disk; else nothing is synced.
        public var durable = false
        /// This run of the kernel; nil asks it.
        public var bootID: [UInt8]?
        /// The group that shares it; nil: it is this user's alone.
        public var group: UInt32?
        public var disk = Disk()
        /// Nil: the kernel decides.
        public var turns: (any StoreScheduler)?

        public init() {}
    }

    public let id: StoreID
    public let directory: [UInt8]

    let disk: Disk
    let isDurable: Bool
    let paths: Paths
    let live = OpenPartials()
    let opened = OpenedContents()
    let turns: (any StoreScheduler)?
    let locks: KeyedLock<ContentID>
    /// One checkpoint, and one end, of a partial file at a time.
    let savings: KeyedLock<ObjectIdentifier>
    let refcounts = ContentRefcounts()
    let trusted = TrustedPartials()
    private let ledger: Mutex<Ledger?>
    private let lock: Mutex<StoreLock?>
    private let asides = Atomic<Int>(0)
    private let changed: Mutex<[Failure]>

    public init(at directory: [UInt8], _ options: Options = Options()) throws(Failure) {
        self.directory = directory
        disk = options.disk
        isDurable = options.durable
        turns = options.turns
        locks = KeyedLock(options.turns)
        savings = KeyedLock(options.turns)
        paths = try Paths(directory, options.disk, group: options.group)
        let bootID = if let given = options.bootID { given } else { try StoreLock.currentBootID() }
        lock = Mutex(try StoreLock(paths, bootID: bootID))
        let path = try paths.ownPath + Array("/store.sqlite".utf8)
        do {
            let ledger = try Ledger(path, durable: options.durable, isShared: options.group != nil)
            let recovery = Recovery(ledger, paths, options.disk, bootID: bootID, durable: options.durable)
            id = try recovery.run()
            changed = Mutex(recovery.changed)
            self.ledger = Mutex(ledger)
        } catch { throw Store.failure(error, directory) }
    }

    /// A clean end.
    public func close() {
        ledger.withLock { ledger in
            // Not marked clean is the worst that can come of an error here.
            try? ledger?.setAbout("clean", [1])
            ledger = nil
        }
        opened.removeAll()
        lock.withLock { $0 = nil }
    }

    /// The path of what is daft's own in it; where a group shares it, without symlinks.
    public var ownPath: [UInt8] { get throws(Failure) { try paths.ownPath } }

    /// Somebody has removed or moved it while it was open.
    public var isGone: Bool { lock.withLock { $0?.isGone ?? false } }

    /// That others may look into it, if they may.
    public var warning: Failure? { paths.warning }

    /// The names that stood here and were not as recorded when the store was opened; said once.
    public func takeChanged() -> [Failure] {
        changed.withLock { changed in
            defer { changed = [] }
            return changed
        }
    }

    // MARK: what it keeps

    public func extent(of content: ContentID) throws(Failure) -> Extent {
        if let partialFile = live.partialFile(content) { return Extent(partialFile.have, of: partialFile.count) }
        return try recorded { try $0.extent(of: content) }
    }

    public func manifest(of content: ContentID) throws(Failure) -> Manifest? {
        if let manifest = live.partialFile(content)?.manifest { return manifest }
        return try recorded { try $0.manifest(of: content) }
    }

    /// Some kept copy of that chunk.
    public func whereabouts(of chunk: ChunkID) throws(Failure) -> (content: ContentID, chunk: Int)? {
        try recorded { try $0.whereabouts(of: chunk) }
    }

    /// XOR of `inventoryMark` over all that is kept.
    public var inventory: UInt64 { ledger.withLock { $0?.inventory ?? 0 } }

    /// What is kept, in the order of content ids.
    public func kept(after: ContentID?, limit: Int) throws(Failure) -> [(content: ContentID, extent: Extent)] {
        try change { try $0.kept(after: after, limit: limit) }
    }

    /// What stands in DIR by its own record, in the order of names.
    public func named(after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try recorded { try $0.standings(after: after, limit: limit).map(\.named) }
    }

    /// Notes the names of contents that are kept in part: when every catalogue is lost, they are told from here.
    public func note(_ entries: [NamedEntry]) throws(Failure) {
        if !entries.isEmpty { try change { ledger in for named in entries { try ledger.note(named) } } }
    }

    public func forgetNotes(_ names: [Name]) throws(Failure) {
        if !names.isEmpty { try change { ledger in for name in names { try ledger.forgetNote(name) } } }
    }

    /// What was noted, in the order of names.
    public func noted(after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try recorded { try $0.notes(after: after, limit: limit) }
    }

    public func entry(_ name: Name) throws(Failure) -> Entry? { try recorded { try $0.standing(name)?.entry } }

    public func names(of content: ContentID) throws(Failure) -> [Name] {
        try recorded { ledger in
            guard let known = try ledger.known(content) else { return [] }
            return try ledger.standings(of: content, known.number).map(\.name)
        }
    }

    /// Bytes on the store's filesystem.
    public func space() throws(Failure) -> Space {
        var raw = statvfs()
        do {
            try system("fstatvfs") { fstatvfs(paths.root.number, &raw) }
        } catch { throw error.failure(directory) }
        let block = Int64(raw.f_frsize)
        return Space(
            total: Int64(raw.f_blocks) * block, free: Int64(raw.f_bavail) * block, unfinished: paths.partialBytes())
    }

    // MARK: for the store's own parts

    var now: ContinuousClock.Instant { turns?.now ?? .now }

    func recorded<T: Sendable>(_ body: (Ledger) throws -> T) throws(Failure) -> T {
        turns?.pass()
        do {
            return try ledger.withLock { ledger in
                guard let ledger else { throw Failure(.stopped, directory, "the store is closed") }
                return try body(ledger)
            }
        } catch { throw Store.failure(error, directory) }
    }

    /// The same for many questions at once.
    func looked<T: Sendable>(_ body: (Ledger) throws -> T) throws(Failure) -> T {
        try recorded { ledger in try ledger.database.reading { try body(ledger) } }
    }

    /// The same, all or nothing.
    func change<T: Sendable>(_ body: (Ledger) throws -> T) throws(Failure) -> T {
        try recorded { ledger in try ledger.change { try body(ledger) } }
    }

    /// A file in partial/ that nothing records.
    func aside(_ place: Location) -> Location { paths.aside(place, asides.add(1, ordering: .relaxed).newValue) }

    /// What a user is told about any error of the store's parts.
    static func failure(_ error: any Error, _ directory: [UInt8]) -> Failure {
        let path = directory + Array("/.daft/store.sqlite".utf8)
        let damaged = """
            damaged (%); the files beside it are not touched: move the directory .daft away and publish or fetch \
            again, and what is right is taken over without being sent
            """
        func report(_ why: String) -> Failure {
            Failure(.malformed, path, damaged.split(separator: "%").joined(separator: why))
        }
        switch error {
        case let failure as Failure: return failure
        case let error as SystemError: return error.failure(directory)
        case let error as Malformed: return report("\(error.what) is wrong")
        case let error as SQLError where error.isOverQuota:
            return SystemError(code: EDQUOT, call: "sqlite").failure(path)
        case let error as SQLError where error.isFull: return SystemError(code: ENOSPC, call: "sqlite").failure(path)
        case let error as SQLError where error.isCorrupt: return report(error.message)
        case let error as SQLError: return Failure(.failed, path, "\(error.message) (\(error.statement))")
        default: return Failure(.failed, path, "\(error)")
        }
    }
}
