// The catalogue's database: tables, transactions, and a summary in memory. Everything in this module but `Catalogue` is
// used by one thread at a time, under the catalogue's lock.
//
// The journal is authoritative and the tables are indexes: entries and manifests are read from their records. Contents
// are numbered in order of arrival, so that only ids and names are random keys.

import DaftModel
import DaftSQL

/// Values that change with every record: read on opening, written with each commit.
struct CatalogueSummary: Equatable {
    var head = Head.empty
    var system: SystemID?
    var entries = 0
    var contents = 0
    var chunks = 0
    var bytes: Int64 = 0
    /// Ids of contents below this number are in the tables; later ones are in memory.
    var settled = 0
    var numbers: [StoreID: Int] = [:]
    /// By store number: the digest of the store's holdings.
    var inventories: [UInt64] = []
    /// Numbers of the stores that have left.
    var left = BitSet()
    /// Cache of the last parent found to be a directory; directories are never removed.
    var lastParent = Name.root

    /// Implausible numbers mean damage, and could overflow.
    fileprivate var isPlausible: Bool {
        let counts = [entries, contents, chunks, Int(bytes), settled]
        return head.state < 1 << 62 && counts.allSatisfy { (0..<1 << 62).contains($0) } && settled <= contents
    }
}

final class Tables {
    static let formatVersion: Int64 = 3
    static let applicationID: Int64 = 0x6461_6674  // "daft"
    static let cacheBytes = 64 << 20
    /// Large, because pages with random keys change in many transactions but are checkpointed once.
    static let checkpointPages = 16_000

    let path: String
    let database: Database
    var summary = CatalogueSummary()
    /// Loaded on demand by `loadedRecent`.
    var recent: UnsettledIDs?
    /// Keys in the id tables (after a rollback, a superset); loaded on demand.
    var settledKeys: KeyFilter?
    /// Set if a write failed in the middle of a record; the transaction must not be committed.
    var spoiled: (any Error)?

    init(path: String, durable: Bool, isShared: Bool = false) throws {
        self.path = path
        database = try Database(
            path: Array(path.utf8), durable: durable, alone: true, isShared: isShared, cacheBytes: Tables.cacheBytes)
        try database.execute("PRAGMA wal_autocheckpoint = \(Tables.checkpointPages)")
        if try number("SELECT count(*) FROM sqlite_schema") == 0 {
            try database.transaction { try database.execute(Tables.schema) }
        }
        try migrate()
        try checkFormat()
        summary = try readSummary()
    }

    /// A read-only connection beside the writer's of this process.
    init(readerOf path: String, cacheBytes: Int) throws {
        self.path = path
        database = try Database(readerOf: Array(path.utf8), cacheBytes: cacheBytes)
    }

    private static let schema = """
        PRAGMA application_id = \(applicationID);
        PRAGMA user_version = \(formatVersion);
        CREATE TABLE journal(state INTEGER PRIMARY KEY, record BLOB NOT NULL, digest INTEGER NOT NULL);
        CREATE TABLE standing(one INTEGER PRIMARY KEY, state INTEGER NOT NULL, digest INTEGER NOT NULL, system BLOB,
            entries INTEGER NOT NULL, contents INTEGER NOT NULL, chunks INTEGER NOT NULL, bytes INTEGER NOT NULL,
            settled INTEGER NOT NULL);
        CREATE TABLE stores(number INTEGER PRIMARY KEY, info BLOB NOT NULL, inventory INTEGER NOT NULL,
            left INTEGER NOT NULL DEFAULT 0);
        CREATE TABLE entries(name BLOB, born INTEGER, ended INTEGER, PRIMARY KEY(name, born)) WITHOUT ROWID;
        CREATE TABLE uses(content INTEGER, born INTEGER, PRIMARY KEY(content, born)) WITHOUT ROWID;
        CREATE TABLE contents(number INTEGER PRIMARY KEY, id BLOB NOT NULL, born INTEGER NOT NULL,
            size INTEGER NOT NULL, chunks INTEGER NOT NULL, complete BLOB NOT NULL,
            copies INTEGER NOT NULL DEFAULT 1);
        \(keysSchema)
        CREATE TABLE parts(content INTEGER, store INTEGER, chunks BLOB NOT NULL, PRIMARY KEY(content, store))
            WITHOUT ROWID;
        CREATE TABLE everywhere(name BLOB PRIMARY KEY) WITHOUT ROWID;
        INSERT INTO standing VALUES(1, 0, 0, NULL, 0, 0, 0, 0, 0);
        """

    static let keysSchema = """
        CREATE TABLE ids(key INTEGER, content INTEGER, PRIMARY KEY(key, content)) WITHOUT ROWID;
        CREATE TABLE chunks(key INTEGER PRIMARY KEY);
        """

    private func checkFormat() throws {
        guard try number("PRAGMA application_id") == Tables.applicationID else {
            throw Failure(
                .corrupt, path.utf8, "this database is no catalogue of daft: move it away, or name another directory")
        }
        let version = try number("PRAGMA user_version")
        guard version == Tables.formatVersion else {
            throw Failure(
                .failed, path.utf8,
                "this catalogue has format \(version), and this daft knows format \(Tables.formatVersion): "
                    + "use the daft that wrote it, or move it away")
        }
    }

    func number(_ sql: String) throws -> Int64 { try database.first(sql) { $0.integer(0) } ?? 0 }

    func readSummary() throws -> CatalogueSummary {
        var read: CatalogueSummary?
        try database.run(
            "SELECT state, digest, system, entries, contents, chunks, bytes, settled FROM standing"
        ) { row in
            read = CatalogueSummary(
                head: Head(state: row.word(0), digest: row.word(1)),
                system: row.isNull(2) ? nil : try SystemID(decoding: row.bytes(2)),
                entries: Int(row.integer(3)), contents: Int(row.integer(4)), chunks: Int(row.integer(5)),
                bytes: row.integer(6), settled: Int(row.integer(7)))
        }
        guard var summary = read, try lastOfJournal() == summary.head, summary.isPlausible else { throw damaged }
        try database.run("SELECT number, info, inventory, left FROM stores ORDER BY number") { row in
            // Numbers are contiguous from 0.
            guard row.integer(0) == summary.inventories.count else { throw damaged }
            summary.numbers[try StoreInfo(decoding: row.bytes(1)).id] = Int(row.integer(0))
            summary.inventories.append(row.word(2))
            if row.integer(3) != 0 { summary.left.insert(Int(row.integer(0))) }
        }
        return summary
    }

    // MARK: records

    /// Columns of journal `j` that `record` decodes.
    static let recordColumns = """
        j.state, j.record, j.digest,
            (SELECT p.digest FROM journal p WHERE p.state < j.state ORDER BY p.state DESC LIMIT 1)
        """
    static let recordColumnCount = 4

    /// Decodes a journal record and checks its digest, which chains to the previous record's.
    func record(_ row: borrowing Row) throws -> Record {
        let bytes = row.bytes(1)
        let before = Head(state: 0, digest: row.word(3))
        guard before.after(bytes, at: row.word(0)).digest == row.word(2) else { throw damaged }
        return try Record(decoding: bytes)
    }

    private func lastOfJournal() throws -> Head {
        try database.first("SELECT state, digest FROM journal ORDER BY state DESC LIMIT 1") {
            Head(state: $0.word(0), digest: $0.word(1))
        } ?? .empty
    }

    /// Runs `body` in a transaction that covers tables and memory.
    func transaction<T>(_ body: () throws -> T) throws -> T {
        let before = summary
        do {
            return try database.transaction { () throws -> T in
                let value = try body()
                if let spoiled { throw spoiled }
                try write(summary, over: before)
                return value
            }
        } catch {
            restore(before)
            throw error
        }
    }

    private func restore(_ before: CatalogueSummary) {
        if summary.settled != before.settled {
            recent = nil
        } else if summary.contents != before.contents {
            recent?.cut(from: before.contents)
        }
        summary = before
        spoiled = nil
    }

    private func write(_ new: CatalogueSummary, over old: CatalogueSummary) throws {
        guard new != old else { return }
        try database.run(
            """
            UPDATE standing SET state = ?, digest = ?, system = ?, entries = ?, contents = ?, chunks = ?, bytes = ?,
            settled = ?
            """,
            .integer(new.head.state), .integer(new.head.digest), .blob(new.system?.encoded), .integer(new.entries),
            .integer(new.contents), .integer(new.chunks), .integer(new.bytes), .integer(new.settled))
        for (store, inventory) in new.inventories.enumerated()
        where store >= old.inventories.count || inventory != old.inventories[store] {
            try database.run(
                "UPDATE stores SET inventory = ? WHERE number = ?", .integer(inventory), .integer(store))
        }
    }

    /// Deletes everything.
    func reset() throws {
        try transaction {
            for table in ["journal", "stores", "entries", "uses", "contents", "ids", "chunks", "parts", "everywhere"] {
                try database.run("DELETE FROM \(table)")
            }
            summary = CatalogueSummary()
        }
        recent = nil
        settledKeys = nil
    }

    static func closed(_ path: String) -> Failure { Failure(.stopped, path.utf8, "the catalogue is closed") }

    var damaged: Failure { Tables.damaged(path) }

    static func damaged(_ path: String) -> Failure {
        Failure(
            .corrupt, path.utf8,
            "the catalogue is damaged: move it away and start again, and the copy of a data server is taken")
    }

    /// The user-visible failure for an error.
    static func failure(_ error: any Error, _ path: String) -> Failure {
        switch error {
        case let failure as Failure: failure
        case let error as SQLError where error.isCorrupt: damaged(path)
        case let error as SQLError where error.isBusy:
            Failure(.locked, path.utf8, "another daft has this catalogue open: stop it, or name another directory")
        case let error as SQLError where error.isOverQuota:
            Failure(.noSpace, path.utf8, "no space for the catalogue: the disk quota is used up")
        case let error as SQLError where error.isFull: Failure(.noSpace, path.utf8, "no space for the catalogue")
        case let error as SQLError: Failure(.failed, path.utf8, "\(error.message) (\(error.statement))")
        default: damaged(path)  // bytes in a table that do not decode
        }
    }
}
