// Finds contents by id and copies of chunks. Ids are random keys: inserted one by one, each would dirty a page of its
// own in every transaction. The ids of recent contents are therefore held in memory and inserted in sorted batches;
// after opening or a failure they are read again from the contents' rows.

import DaftModel
import DaftSQL

/// The ids of contents with numbers above the settled one.
struct RecentIDs {
    /// Fits a dictionary of 65,536 slots.
    static let limit = 48_000
    var numbers: [ContentID: Int64] = [:]
    /// Single-chunk contents by eight bytes of the chunk id. Chunks of larger contents are inserted at once, which is
    /// cheap compared with their bytes.
    var chunks: [UInt64: Int64] = [:]

    var isFull: Bool { numbers.count >= RecentIDs.limit }
}

extension Ledger {
    func number(of content: ContentID) throws -> Int64? {
        if let number = try loadedRecent().numbers[content] { return number }
        var found: Int64?
        try database.run(
            "SELECT number, content FROM ids LEFT JOIN contents USING(number) WHERE key = ?", .integer(content.key)
        ) { row in
            if row.isNull(1) { throw Malformed("row of \(content.hex)", at: 0) }
            if row.bytes(1) == content.bytes { found = row.integer(0) }
        }
        return found
    }

    func enter(_ content: ContentID, _ number: Int64) throws {
        try database.run("INSERT INTO ids VALUES(?, ?)", .integer(content.key), .integer(number))
    }

    /// Call before adding a content.
    func makeRoomForIDs() throws {
        if try loadedRecent().isFull { try settle() }
    }

    /// Inserts the recent ids into the tables.
    func settle() throws {
        let recent = try loadedRecent()
        guard let last = recent.numbers.values.max() else { return }
        for (id, number) in recent.numbers.sorted(by: { $0.key < $1.key }) { try enter(id, number) }
        for (word, number) in recent.chunks.sorted(by: { $0.key < $1.key }) { try index(word, number, 0) }
        try setSettled(last)
        self.recent = RecentIDs()
    }

    func setSettled(_ number: Int64) throws {
        try database.run("INSERT OR REPLACE INTO about VALUES('settled', ?)", .integer(number))
    }

    private func loadedRecent() throws -> RecentIDs {
        if let recent { return recent }
        var loaded = RecentIDs()
        try database.run(
            """
            SELECT number, content, complete, manifest FROM contents
            WHERE number > coalesce((SELECT value FROM about WHERE key = 'settled'), 0) ORDER BY number
            """
        ) { row in
            loaded.numbers[try ContentID(decoding: row.bytes(1))] = row.integer(0)
            guard row.integer(2) != 0 else { return }
            let chunks = try Manifest(decoding: row.bytes(3)).chunks
            if chunks.count == 1, loaded.chunks[chunks[0].word] == nil {
                loaded.chunks[chunks[0].word] = row.integer(0)
            }
        }
        recent = loaded
        return loaded
    }

    func forgetIDs(_ content: ContentID, _ number: Int64, _ chunks: [ChunkID]) throws {
        if recent?.numbers.removeValue(forKey: content) == nil {
            try database.run(
                "DELETE FROM ids WHERE key = ? AND number = ?", .integer(content.key), .integer(number))
        }
        for id in chunks {
            if recent?.chunks[id.word] == number { recent?.chunks[id.word] = nil }
            try database.run("DELETE FROM chunks WHERE word = ? AND number = ?", .integer(id.word), .integer(number))
        }
    }

    // MARK: chunks

    /// Indexes a new content's only chunk in memory, unless that id is taken there.
    func indexLater(_ id: ChunkID, _ number: Int64) throws -> Bool {
        guard recent?.chunks[id.word] == nil else { return false }
        recent?.chunks[id.word] = number
        return true
    }

    func index(_ id: ChunkID, _ number: Int64, _ chunk: Int) throws { try index(id.word, number, chunk) }

    private func index(_ word: UInt64, _ number: Int64, _ chunk: Int) throws {
        try database.run(
            "INSERT OR IGNORE INTO chunks VALUES(?, ?, ?)", .integer(word), .integer(number), .integer(chunk))
    }

    /// All-zero chunks are not indexed.
    func index(_ chunks: BitSet, of content: ContentID, _ manifest: Manifest) throws {
        guard let number = try number(of: content) else { return }
        let zero = zeroID(manifest.chunkSize)
        for chunk in chunks where manifest.chunks[chunk] != zero { try index(manifest.chunks[chunk], number, chunk) }
    }

    /// A copy of a chunk. The index has eight bytes of the id; the manifest decides.
    func chunkLocation(of id: ChunkID) throws -> (content: ContentID, chunk: Int)? {
        var candidates: [(content: [UInt8], chunk: Int)] = []
        func note(_ row: borrowing Row) { candidates.append((row.bytes(0), Int(row.integer(1)))) }
        if let number = try loadedRecent().chunks[id.word] {
            try database.run("SELECT content, 0 FROM contents WHERE number = ?", .integer(number), each: note)
        }
        try database.run(
            "SELECT content, chunk FROM chunks JOIN contents USING(number) WHERE word = ?", .integer(id.word),
            each: note)
        for (bytes, chunk) in candidates {
            guard let content = ContentID(bytes: bytes), let manifest = try manifest(of: content),
                chunk < manifest.chunks.count, manifest.chunks[chunk] == id,
                try extent(of: content).contains(chunk)
            else { continue }
            return (content, chunk)
        }
        return nil
    }
}
