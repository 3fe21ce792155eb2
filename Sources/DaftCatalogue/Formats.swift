// Migrates catalogues of earlier formats on opening, in one transaction.

import DaftModel
import DaftSQL

extension Tables {
    func migrate() throws {
        guard try number("PRAGMA application_id") == Tables.applicationID else { return }
        let found = try number("PRAGMA user_version")
        guard (1..<Tables.formatVersion).contains(found) else { return }
        try database.transaction {
            if found < 2 { try knowCopiesAndLeaving() }
            try keepKeysOfIDs()
            try database.execute("PRAGMA user_version = \(Tables.formatVersion)")
        }
    }

    /// Format 1 had neither numbers of copies nor stores that leave.
    private func knowCopiesAndLeaving() throws {
        try database.execute(
            """
            ALTER TABLE stores ADD COLUMN left INTEGER NOT NULL DEFAULT 0;
            ALTER TABLE contents ADD COLUMN copies INTEGER NOT NULL DEFAULT 1;
            CREATE TABLE everywhere(name BLOB PRIMARY KEY) WITHOUT ROWID;
            """)
    }

    /// Format 2 stored whole ids, and the origin of chunks.
    private func keepKeysOfIDs() throws {
        try database.execute(
            "ALTER TABLE ids RENAME TO whole_ids; ALTER TABLE chunks RENAME TO whole_chunks; \(Tables.keysSchema)")
        try database.run("SELECT id, content FROM whole_ids ORDER BY id") { row in
            let key = try ContentID(decoding: row.bytes(0)).key
            try database.run("INSERT INTO ids(key, content) VALUES(?, ?)", .integer(key), .integer(row.integer(1)))
        }
        try database.run("SELECT id FROM whole_chunks ORDER BY id") { row in
            let key = try ChunkID(decoding: row.bytes(0)).key
            try database.run("INSERT OR IGNORE INTO chunks(key) VALUES(?)", .integer(key))
        }
        try database.execute("DROP TABLE whole_ids; DROP TABLE whole_chunks")
    }
}
