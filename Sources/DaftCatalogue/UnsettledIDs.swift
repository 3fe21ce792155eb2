// Ids of contents and chunks are random keys: inserted one by one, each would touch a page of its own in every
// transaction. Recent ids are held in memory and inserted in sorted batches; after opening or a rollback they are read
// again from the journal.

import DaftModel
import DaftSQL

/// Ids of the contents from number `CatalogueSummary.settled` on and of their chunks.
struct UnsettledIDs {
    static let limit = 150_000
    var contents: [ContentID: Int] = [:]
    /// The content that first had a chunk, by key. Chunks with equal keys count as one in every catalogue alike; the
    /// only effect is a state lower by one.
    var chunks: [Int64: Int] = [:]

    var isFull: Bool { contents.count + chunks.count >= UnsettledIDs.limit }

    /// Drops contents from `number` on.
    mutating func cut(from number: Int) {
        contents = contents.filter { $0.value < number }
        chunks = chunks.filter { $0.value < number }
    }
}

extension Tables {
    func number(of content: ContentID) throws -> Int? {
        if let number = try recentNumber(of: content) { return number }
        if settledKeys?.mayContain(content.key) == false { return nil }
        var found: Int?
        try database.run(
            "SELECT c.number, c.id FROM ids i CROSS JOIN contents c ON c.number = i.content WHERE i.key = ?",
            .integer(content.key)
        ) { row in
            if row.withBytes(1, { $0.count == 32 && Digest($0) == content }) { found = Int(row.integer(0)) }
        }
        return found
    }

    /// Of a content whose id is not in the tables yet.
    func recentNumber(of content: ContentID) throws -> Int? {
        if recent == nil { _ = try loadedRecent() }
        return recent?.contents[content]
    }

    private func knows(_ chunk: ChunkID) throws -> Bool {
        if try loadedRecent().chunks[chunk.key] != nil { return true }
        if settledKeys?.mayContain(chunk.key) == false { return false }
        return try hasSettled(chunk)
    }

    private func hasSettled(_ chunk: ChunkID) throws -> Bool {
        try database.first("SELECT 1 FROM chunks WHERE key = ?", .integer(chunk.key)) { _ in true } ?? false
    }

    /// Adds the ids of a new content; returns how many of its chunks are new.
    func addIDs(_ id: ContentID, _ manifest: Manifest, _ number: Int) throws -> Int {
        if try loadedRecent().isFull { try settle() }
        try loadFilter()
        var fresh = 0
        for id in manifest.chunks where try !knows(id) {
            recent?.chunks[id.key] = number
            fresh += 1
        }
        recent?.contents[id] = number
        return fresh
    }

    /// Most incoming ids are new, and looking up an absent key is as expensive as a present one. Readers skip the
    /// filter: building it costs a scan.
    private func loadFilter() throws {
        guard settledKeys == nil else { return }
        var filter = KeyFilter(capacity: KeyFilter.fewest + 2 * (summary.contents + summary.chunks))
        for table in ["ids", "chunks"] {
            try database.run("SELECT key FROM \(table)") { filter.insert($0.integer(0)) }
        }
        settledKeys = filter
    }

    /// Inserts the recent ids into the tables.
    func settle() throws {
        let recent = try loadedRecent()
        for (id, number) in recent.contents.sorted(by: { $0.key < $1.key }) {
            try database.run("INSERT INTO ids(key, content) VALUES(?, ?)", .integer(id.key), .integer(number))
            settledKeys?.insert(id.key)
        }
        for key in recent.chunks.keys.sorted() {
            try database.run("INSERT INTO chunks(key) VALUES(?)", .integer(key))
            settledKeys?.insert(key)
        }
        if settledKeys?.isFull ?? false { settledKeys = nil }
        self.recent = UnsettledIDs()
        summary.settled = summary.contents
    }

    private func loadedRecent() throws -> UnsettledIDs {
        if let recent { return recent }
        var loaded = UnsettledIDs()
        try database.run(
            """
            SELECT \(Tables.recordColumns), c.number FROM contents c CROSS JOIN journal j ON j.state = c.born
            WHERE c.number >= ? ORDER BY c.number
            """, .integer(summary.settled)
        ) { row in
            guard case .content(let id, let manifest, _) = try record(row) else { throw damaged }
            let number = Int(row.integer(Tables.recordColumnCount))
            loaded.contents[id] = number
            for id in manifest.chunks where try loaded.chunks[id.key] == nil && !hasSettled(id) {
                loaded.chunks[id.key] = number
            }
        }
        recent = loaded
        return loaded
    }
}
