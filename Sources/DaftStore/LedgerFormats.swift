// The tables of store.sqlite and the migration from earlier formats, in one transaction when a store is opened.

import DaftModel
import DaftSQL

extension Ledger {
    static let version: Int64 = 5

    /// Migrates the database at `path` to the current format.
    func migrate(_ path: [UInt8]) throws {
        let found = try database.first("PRAGMA user_version") { $0.integer(0) } ?? 0
        switch found {
        case 0: try database.transaction { try database.execute(Ledger.schema) }
        case Ledger.version: break
        case 1..<Ledger.version: try database.transaction { try migrate(from: found) }
        default:
            throw Failure(
                .malformed, path,
                "made by a newer daft (format \(found), this one knows those to \(Ledger.version)): "
                    + "use that one, or another --store")
        }
    }

    private func migrate(from found: Int64) throws {
        if found < 2 { try database.execute(Ledger.spreadSchema) }
        if found < 3 {
            try database.execute(Ledger.freeContentsOfIndex)
            try setSettled(database.first("SELECT max(number) FROM contents") { $0.integer(0) } ?? 0)
        } else if found < 4 {
            try database.execute("DROP TABLE ids")
        }
        if found < 4 { try makeIDs() }
        try database.execute(Ledger.sourcesSchema)
        try database.execute("PRAGMA user_version = \(Ledger.version)")
    }

    private func makeIDs() throws {
        try database.execute(Ledger.idsSchema)
        try database.run(
            """
            SELECT content, number FROM contents WHERE number <= (SELECT value FROM about WHERE key = 'settled')
            ORDER BY content
            """
        ) { try enter(try ContentID(decoding: $0.bytes(0)), $0.integer(1)) }
    }

    private static let schema = """
        CREATE TABLE about(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;
        \(contentsSchema)
        \(idsSchema)
        CREATE TABLE parts(number INTEGER PRIMARY KEY, have BLOB NOT NULL);
        CREATE TABLE chunks(word INTEGER, number INTEGER, chunk INTEGER NOT NULL, PRIMARY KEY(word, number))
            WITHOUT ROWID;
        CREATE TABLE names(name BLOB PRIMARY KEY, entry BLOB NOT NULL, number INTEGER, size INTEGER NOT NULL,
            mtime INTEGER NOT NULL, inode INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX names_of ON names(number) WHERE number IS NOT NULL;
        CREATE TABLE ingests(number INTEGER PRIMARY KEY, key BLOB NOT NULL UNIQUE, size INTEGER NOT NULL,
            chunk_size INTEGER NOT NULL, synced INTEGER NOT NULL, content BLOB);
        CREATE TABLE ingest_chunks(number INTEGER, chunk INTEGER, id BLOB NOT NULL, PRIMARY KEY(number, chunk))
            WITHOUT ROWID;
        \(spreadSchema)
        \(sourcesSchema)
        PRAGMA user_version = \(version);
        """

    /// Numbers are never reused: the ids table holds keys for all numbers up to the settled one.
    private static let contentsSchema = """
        CREATE TABLE contents(number INTEGER PRIMARY KEY AUTOINCREMENT, content BLOB NOT NULL, size INTEGER NOT NULL,
            chunk_size INTEGER NOT NULL, complete INTEGER NOT NULL, synced INTEGER NOT NULL, inode INTEGER NOT NULL,
            manifest BLOB NOT NULL);
        """

    /// Users' source files on this node as last read. Since format 5.
    private static let sourcesSchema = """
        CREATE TABLE sources(device INTEGER, inode INTEGER, size INTEGER NOT NULL, mtime BLOB NOT NULL,
            ctime BLOB NOT NULL, content BLOB NOT NULL, PRIMARY KEY(device, inode)) WITHOUT ROWID;
        """

    /// Format 3 had whole ids.
    private static let idsSchema = """
        CREATE TABLE ids(key INTEGER, number INTEGER, PRIMARY KEY(key, number)) WITHOUT ROWID;
        """

    /// Formats 1 and 2 had a content id index that was always up to date.
    private static let freeContentsOfIndex = """
        ALTER TABLE contents RENAME TO earlier;
        \(contentsSchema)
        INSERT INTO contents SELECT * FROM earlier ORDER BY number;
        DROP TABLE earlier;
        """

    /// Names of contents kept in part: unused by this store, but needed if every catalogue is lost. Since format 2.
    private static let spreadSchema = """
        CREATE TABLE spread(name BLOB PRIMARY KEY, entry BLOB NOT NULL, number INTEGER NOT NULL) WITHOUT ROWID;
        CREATE INDEX spread_of ON spread(number);
        """
}
