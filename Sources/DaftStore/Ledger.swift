// The ledger, store.sqlite: what a store keeps and where. Contents are here; LedgerIDs.swift has the ids of contents
// and chunks, LedgerNames.swift names, LedgerParts.swift partial contents, LedgerSources.swift users' source files,
// LedgerFormats.swift the tables. Contents are numbered in order of arrival, so that only ids are random keys.

import DaftModel
import DaftSQL

/// The ledger's row of one content.
struct KnownContent: Sendable {
    let number: Int64
    let size: Int64
    let chunkSize: ChunkSize
    let isComplete: Bool
    /// Inode of its file while that is in partial/.
    let inode: UInt64
    let hasNames: Bool
}

/// Used by one thread at a time, under the store's mutex.
final class Ledger: @unchecked Sendable {
    /// Keeps a data server, with catalogue and slabs, below 256 MiB.
    private static let cacheBytes = 32 << 20
    let database: Database
    /// Digest of everything kept; see `inventoryMark`.
    private(set) var inventory: UInt64 = 0
    /// Loaded on demand by `loadedRecent`.
    var recent: RecentIDs?
    /// Number of remembered source files; counted on demand.
    var sources: Int64?

    init(_ path: [UInt8], durable: Bool, isShared: Bool = false) throws {
        // Exclusive: for shared use SQLite maps a file of that disk, and a disk that stops answering would then kill
        // the process.
        database = try Database(
            path: path, durable: durable, alone: true, isShared: isShared, cacheBytes: Ledger.cacheBytes)
        try migrate(path)
    }

    /// Runs `body` in one transaction.
    func change<T>(_ body: () throws -> T) throws -> T {
        let before = inventory
        do {
            return try database.transaction(body)
        } catch {
            inventory = before
            recent = nil
            throw error
        }
    }

    // MARK: store metadata

    func about(_ key: StaticString) throws -> [UInt8]? {
        try database.first("SELECT value FROM about WHERE key = ?", .blob(bytes(key))) { $0.bytes(0) }
    }

    func setAbout(_ key: StaticString, _ value: [UInt8]) throws {
        try database.run("INSERT OR REPLACE INTO about VALUES(?, ?)", .blob(bytes(key)), .blob(value))
    }

    private func bytes(_ text: StaticString) -> [UInt8] { text.withUTF8Buffer { Array($0) } }

    // MARK: contents

    func known(_ content: ContentID) throws -> KnownContent? {
        guard let number = try number(of: content) else { return nil }
        var found: KnownContent?
        try database.run(
            """
            SELECT content, size, chunk_size, complete, inode, EXISTS(SELECT 1 FROM names WHERE
            names.number = contents.number) FROM contents WHERE number = ?
            """, .integer(number)
        ) { row in
            guard row.bytes(0) == content.bytes, let chunkSize = ChunkSize(Int(row.integer(2))) else { return }
            found = KnownContent(
                number: number, size: row.integer(1), chunkSize: chunkSize, isComplete: row.integer(3) != 0,
                inode: row.word(4), hasNames: row.integer(5) != 0)
        }
        guard let found else { throw Malformed("row of \(content.hex)", at: 0) }
        return found
    }

    func manifest(of content: ContentID) throws -> Manifest? {
        guard let number = try number(of: content) else { return nil }
        let sql = "SELECT manifest FROM contents WHERE number = ?"
        guard let bytes = try database.first(sql, .integer(number), as: { $0.bytes(0) }),
            digest(of: bytes) == content
        else { throw Malformed("manifest of \(content.hex)", at: 0) }
        return try Manifest(decoding: bytes)
    }

    func extent(of content: ContentID) throws -> Extent {
        guard let known = try known(content) else { return .nothing }
        return known.isComplete ? .complete : .part(try part(known.number))
    }

    /// Records `content` as complete. All-zero chunks (`isHole`) are not indexed.
    func complete(
        _ content: ContentID, _ manifest: Manifest, synced: Bool, inode: UInt64, isHole: (Int) -> Bool
    ) throws {
        let old = try known(content)
        if let old {
            guard !old.isComplete else { return }
            inventory ^= inventoryMark(of: content, .part(try part(old.number)))
            try database.run("DELETE FROM parts WHERE number = ?", .integer(old.number))
            try database.run(
                "UPDATE contents SET complete = 1, synced = ?, inode = ? WHERE number = ?",
                .integer(synced ? 1 : 0), .integer(inode), .integer(old.number))
        }
        let number = try old?.number ?? add(content, manifest, complete: true, synced: synced, inode: inode)
        inventory ^= inventoryMark(of: content, .complete)
        for (chunk, id) in manifest.chunks.enumerated() where !isHole(chunk) {
            if old == nil, manifest.chunks.count == 1, try indexLater(id, number) { continue }
            try index(id, number, chunk)
        }
    }

    func add(
        _ content: ContentID, _ manifest: Manifest, complete: Bool, synced: Bool, inode: UInt64
    ) throws -> Int64 {
        try makeRoomForIDs()
        try database.run(
            "INSERT INTO contents VALUES(NULL, ?, ?, ?, ?, ?, ?, ?)", .blob(content.bytes), .integer(manifest.size),
            .integer(manifest.chunkSize.bytes), .integer(complete ? 1 : 0), .integer(synced ? 1 : 0),
            .integer(inode), .blob(manifest.encoded))
        recent?.numbers[content] = database.lastInsertedRow
        return database.lastInsertedRow
    }

    func setSynced(_ isSynced: Bool, of number: Int64) throws {
        try database.run(
            "UPDATE contents SET synced = ? WHERE number = ?", .integer(isSynced ? 1 : 0), .integer(number))
    }

    /// Records that everything is on the disk.
    func setAllSynced() throws {
        try database.run("UPDATE contents SET synced = 1 WHERE synced = 0")
        try database.run("UPDATE ingests SET synced = 1 WHERE synced = 0")
    }

    func setInode(_ inode: UInt64, of number: Int64) throws {
        try database.run("UPDATE contents SET inode = ? WHERE number = ?", .integer(inode), .integer(number))
    }

    /// Forgets a content with its names and chunks.
    func forget(_ content: ContentID) throws {
        guard let known = try known(content) else { return }
        inventory ^= inventoryMark(of: content, try extent(of: content))
        try forgetIDs(content, known.number, try manifest(of: content)?.chunks ?? [])
        for table in ["names", "spread", "parts", "contents"] {
            try database.run("DELETE FROM \(table) WHERE number = ?", .integer(known.number))
        }
    }

    func mark(_ content: ContentID, _ extent: Extent) { inventory ^= inventoryMark(of: content, extent) }

    // MARK: all contents

    /// Contents in the order of their ids.
    func kept(after: ContentID?, limit: Int) throws -> [(content: ContentID, extent: Extent)] {
        var found: [(content: ContentID, extent: Extent)] = []
        let from = after?.key ?? Int64.min
        try settle()
        try database.run(
            """
            SELECT key, content, complete, have
            FROM ids CROSS JOIN contents USING(number) LEFT JOIN parts USING(number)
            WHERE key >= ?1 AND (key > ?1 OR content > ?2) ORDER BY key, content LIMIT ?3
            """, .integer(from), .blob(after?.bytes ?? []), .integer(limit)
        ) { row in
            guard let content = ContentID(bytes: row.bytes(1)), content.key == row.integer(0) else {
                throw Malformed("content id", at: 0)
            }
            let isComplete = row.integer(2) != 0
            found.append((content, isComplete ? .complete : .part(try BitSet(decoding: row.bytes(3)))))
        }
        return found
    }

    /// Passes every content to `body` and recomputes the inventory.
    func sweep(_ body: (ContentID, _ size: Int64, _ inode: UInt64?, _ hasNames: Bool) throws -> Void) throws {
        inventory = 0
        try database.run(
            """
            SELECT content, size, complete, have, EXISTS(SELECT 1 FROM names WHERE names.number = contents.number),
                inode
            FROM contents LEFT JOIN parts USING(number)
            """
        ) { row in
            guard let content = ContentID(bytes: row.bytes(0)) else { throw Malformed("content id", at: 0) }
            let isComplete = row.integer(2) != 0
            mark(content, isComplete ? .complete : .part(try BitSet(decoding: row.bytes(3))))
            try body(content, row.integer(1), isComplete ? row.word(5) : nil, row.integer(4) != 0)
        }
    }

    func isUnsynced(_ content: ContentID) throws -> Bool {
        guard let number = try number(of: content) else { return false }
        return try database.first("SELECT synced FROM contents WHERE number = ?", .integer(number)) {
            $0.integer(0) == 0
        } ?? false
    }

    /// Contents that may not be on the disk.
    func unsynced() throws -> [(content: ContentID, number: Int64)] {
        var found: [(content: ContentID, number: Int64)] = []
        try database.run("SELECT content, number FROM contents WHERE synced = 0") { row in
            if let content = ContentID(bytes: row.bytes(0)) { found.append((content, row.integer(1))) }
        }
        return found
    }
}
