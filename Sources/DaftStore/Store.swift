// The storage of a data server. DIR has the namespace as plain files; DIR/.daft has the ledger (store.sqlite),
// incomplete contents (partial/) and the lock. Calls block and are thread-safe: files are accessed without a lock, the
// ledger under a mutex.
//
// A content's life: fill or ingest (a sparse file in partial/) -> finish (complete, still in partial/) -> place
// (renamed to its first name; further names are copies). The ledger is written before the rename, so after a kill a
// recorded name either exists or its content is still in partial/.

import DaftModel
import DaftSQL
import DaftWire
import Glibc
import Synchronization

public final class Store: Sendable {
    public struct Options: Sendable {
        /// Whether acknowledged data is synced to the disk.
        public var durable = false
        /// The kernel's boot id; nil: read it.
        public var bootID: [UInt8]?
        /// The group that shares the store; nil: one user's.
        public var group: UInt32?
        public var disk = Disk()
        /// Nil: the kernel schedules.
        public var scheduler: (any StoreScheduler)?

        public init() {}
    }

    public let id: StoreID
    public let directory: [UInt8]

    let disk: Disk
    let isDurable: Bool
    let paths: Paths
    let live = OpenPartials()
    let opened = OpenedContents()
    let scheduler: (any StoreScheduler)?
    let locks: KeyedLock<ContentID>
    /// Serializes checkpoints and ends of one partial file.
    let checkpointLocks: KeyedLock<ObjectIdentifier>
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
        scheduler = options.scheduler
        locks = KeyedLock(options.scheduler)
        checkpointLocks = KeyedLock(options.scheduler)
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

    /// Marks the store as cleanly closed.
    public func close() {
        ledger.withLock { ledger in
            // Not marked clean is the worst that can come of an error here.
            try? ledger?.setAbout("clean", [1])
            ledger = nil
        }
        opened.removeAll()
        lock.withLock { $0 = nil }
    }

    /// daft's private directory in the store; for a group without symlinks.
    public var ownPath: [UInt8] { get throws(Failure) { try paths.ownPath } }

    /// Whether the store was removed or moved while open.
    public var isGone: Bool { lock.withLock { $0?.isGone ?? false } }

    /// A warning if others can read it.
    public var warning: Failure? { paths.warning }

    /// Names whose files had changed when the store was opened; returned once.
    public func takeChanged() -> [Failure] {
        changed.withLock { changed in
            defer { changed = [] }
            return changed
        }
    }

    // MARK: queries

    public func extent(of content: ContentID) throws(Failure) -> Extent {
        if let partialFile = live.partialFile(content) { return Extent(partialFile.have, of: partialFile.count) }
        return try recorded { try $0.extent(of: content) }
    }

    public func manifest(of content: ContentID) throws(Failure) -> Manifest? {
        if let manifest = live.partialFile(content)?.manifest { return manifest }
        return try recorded { try $0.manifest(of: content) }
    }

    /// A kept copy of that chunk.
    public func chunkLocation(of chunk: ChunkID) throws(Failure) -> (content: ContentID, chunk: Int)? {
        try recorded { try $0.chunkLocation(of: chunk) }
    }

    /// XOR of `inventoryMark` over all kept contents.
    public var inventory: UInt64 { ledger.withLock { $0?.inventory ?? 0 } }

    /// Kept contents, in the order of their ids.
    public func kept(after: ContentID?, limit: Int) throws(Failure) -> [(content: ContentID, extent: Extent)] {
        try change { try $0.kept(after: after, limit: limit) }
    }

    /// Placed entries by the store's record, in name order.
    public func named(after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try recorded { try $0.nameRows(after: after, limit: limit).map(\.named) }
    }

    /// Records names of contents kept in part, so that a catalogue can be rebuilt from the stores.
    public func note(_ entries: [NamedEntry]) throws(Failure) {
        if !entries.isEmpty { try change { ledger in for named in entries { try ledger.note(named) } } }
    }

    public func forgetNotes(_ names: [Name]) throws(Failure) {
        if !names.isEmpty { try change { ledger in for name in names { try ledger.forgetNote(name) } } }
    }

    /// Noted names, in order.
    public func noted(after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try recorded { try $0.notes(after: after, limit: limit) }
    }

    public func entry(_ name: Name) throws(Failure) -> Entry? { try recorded { try $0.nameRow(name)?.entry } }

    public func names(of content: ContentID) throws(Failure) -> [Name] {
        try recorded { ledger in
            guard let known = try ledger.known(content) else { return [] }
            return try ledger.nameRows(of: content, known.number).map(\.name)
        }
    }

    /// Free and total bytes of the store's filesystem.
    public func space() throws(Failure) -> Space {
        var raw = statvfs()
        do {
            try system("fstatvfs") { fstatvfs(paths.root.number, &raw) }
        } catch { throw error.failure(directory) }
        let block = Int64(raw.f_frsize)
        return Space(
            total: Int64(raw.f_blocks) * block, free: Int64(raw.f_bavail) * block, unfinished: paths.partialBytes())
    }

    // MARK: internal

    var now: ContinuousClock.Instant { scheduler?.now ?? .now }

    func recorded<T: Sendable>(_ body: (Ledger) throws -> T) throws(Failure) -> T {
        scheduler?.pass()
        do {
            return try ledger.withLock { ledger in
                guard let ledger else { throw Failure(.stopped, directory, "the store is closed") }
                return try body(ledger)
            }
        } catch { throw Store.failure(error, directory) }
    }

    /// Runs many queries in one read transaction.
    func looked<T: Sendable>(_ body: (Ledger) throws -> T) throws(Failure) -> T {
        try recorded { ledger in try ledger.database.reading { try body(ledger) } }
    }

    /// Runs `body` in one write transaction.
    func change<T: Sendable>(_ body: (Ledger) throws -> T) throws(Failure) -> T {
        try recorded { ledger in try ledger.change { try body(ledger) } }
    }

    /// A unique path for an unrecorded file in partial/.
    func aside(_ place: Location) -> Location { paths.aside(place, asides.add(1, ordering: .relaxed).newValue) }

    /// The user-visible failure for an error of the store.
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
