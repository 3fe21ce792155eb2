// Partial contents and ingests of unknown content in store.sqlite.

import DaftModel
import DaftSQL

/// A file whose ingest was interrupted.
struct KnownSourceFile: Sendable {
    let number: Int64
    let key: Digest
    let size: Int64
    let chunkSize: ChunkSize
    let isSynced: Bool
    /// Its content, once known: only the rename of its file remains.
    let content: ContentID?
}

extension Ledger {
    /// The chunks kept of a partial content.
    func part(_ number: Int64) throws -> BitSet {
        let bytes = try database.first("SELECT have FROM parts WHERE number = ?", .integer(number)) { $0.bytes(0) }
        return try bytes.map { try BitSet(decoding: $0) } ?? BitSet()
    }

    /// Records the chunks kept of a content, which is no longer complete.
    func setPart(_ content: ContentID, _ manifest: Manifest, _ have: BitSet, synced: Bool) throws {
        mark(content, try extent(of: content))
        let old = try known(content)
        let number = try old?.number ?? add(content, manifest, complete: false, synced: synced, inode: 0)
        if old != nil {
            try database.run(
                "UPDATE contents SET complete = 0, synced = ? WHERE number = ?", .integer(synced ? 1 : 0),
                .integer(number))
        }
        try database.run("INSERT OR REPLACE INTO parts VALUES(?, ?)", .integer(number), .blob(have.encoded))
        mark(content, .part(have))
    }

    // MARK: ingests

    func ingest(_ key: Digest) throws -> KnownSourceFile? {
        var found: KnownSourceFile?
        try database.run("SELECT * FROM ingests WHERE key = ?", .blob(key.bytes)) { found = try ingest($0) }
        return found
    }

    func ingests() throws -> [KnownSourceFile] {
        var found: [KnownSourceFile] = []
        try database.run("SELECT * FROM ingests") { found.append(try ingest($0)) }
        return found
    }

    private func ingest(_ row: borrowing Row) throws -> KnownSourceFile {
        guard let key = Digest(bytes: row.bytes(1)), let chunkSize = ChunkSize(Int(row.integer(3))) else {
            throw Malformed("ingest", at: 0)
        }
        return KnownSourceFile(
            number: row.integer(0), key: key, size: row.integer(2), chunkSize: chunkSize,
            isSynced: row.integer(4) != 0, content: ContentID(bytes: row.bytes(5)))
    }

    func addIngest(_ key: Digest, size: Int64, chunkSize: ChunkSize) throws -> Int64 {
        try database.run(
            "INSERT INTO ingests VALUES(NULL, ?, ?, ?, 0, NULL)", .blob(key.bytes), .integer(size),
            .integer(chunkSize.bytes))
        return database.lastInsertedRow
    }

    func ingested(_ number: Int64) throws -> [Int: ChunkID] {
        var chunks: [Int: ChunkID] = [:]
        try database.run("SELECT chunk, id FROM ingest_chunks WHERE number = ?", .integer(number)) { row in
            if let id = ChunkID(bytes: row.bytes(1)) { chunks[Int(row.integer(0))] = id }
        }
        return chunks
    }

    func setIngested(_ number: Int64, _ chunk: Int, _ id: ChunkID) throws {
        try database.run(
            "INSERT OR REPLACE INTO ingest_chunks VALUES(?, ?, ?)", .integer(number), .integer(chunk),
            .blob(id.bytes))
    }

    func dropIngested(_ number: Int64, _ chunk: Int) throws {
        try database.run(
            "DELETE FROM ingest_chunks WHERE number = ? AND chunk = ?", .integer(number), .integer(chunk))
    }

    func setIngestSynced(_ number: Int64, _ synced: Bool) throws {
        try database.run(
            "UPDATE ingests SET synced = ? WHERE number = ?", .integer(synced ? 1 : 0), .integer(number))
    }

    /// Makes the file of this ingest that of `content`.
    func becomes(_ content: ContentID, _ number: Int64) throws {
        try database.run("UPDATE ingests SET content = ? WHERE number = ?", .blob(content.bytes), .integer(number))
        try database.run("DELETE FROM ingest_chunks WHERE number = ?", .integer(number))
    }

    func forgetIngest(_ number: Int64) throws {
        try database.run("DELETE FROM ingest_chunks WHERE number = ?", .integer(number))
        try database.run("DELETE FROM ingests WHERE number = ?", .integer(number))
    }
}
