// Ids of contents and chunks are keys in random order: entered one by one, each would touch a page of its own in
// every transaction. So the latest are kept in memory, and written many together in their order; the journal has
// them meanwhile, and they are read from it again when they are needed after an opening or a rollback.

import DaftCore
import DaftSQL

/// Where a chunk is.
struct ChunkPlace {
    let content: Int
    let chunk: Int
}

/// The ids of the contents from number `Standing.settled` on, and of the chunks that they brought.
struct Recent {
    static let limit = 150_000
    var contents: [ContentID: Int] = [:]
    var chunks: [ChunkID: ChunkPlace] = [:]

    var isFull: Bool { contents.count + chunks.count >= Recent.limit }

    /// Forgets the contents from `number` on.
    mutating func cut(from number: Int) {
        contents = contents.filter { $0.value < number }
        chunks = chunks.filter { $0.value.content < number }
    }
}

extension Tables {
    func number(of content: ContentID) throws -> Int? {
        if let number = try loadedRecent().contents[content] { return number }
        if settledIDs?.mayContain(content) == false { return nil }
        return try database.first("SELECT content FROM ids WHERE id = ?", .blob(content.bytes)) { Int($0.integer(0)) }
    }

    private func knows(_ chunk: ChunkID) throws -> Bool {
        if try loadedRecent().chunks[chunk] != nil { return true }
        if settledIDs?.mayContain(chunk) == false { return false }
        return try hasSettled(chunk)
    }

    private func hasSettled(_ chunk: ChunkID) throws -> Bool {
        try database.first("SELECT 1 FROM chunks WHERE id = ?", .blob(chunk.bytes)) { _ in true } ?? false
    }

    /// Enters the ids of a new content. How many of its chunks were not known before?
    func addIDs(_ id: ContentID, _ manifest: Manifest, _ number: Int) throws -> Int {
        if try loadedRecent().isFull { try settle() }
        try loadFilter()
        var fresh = 0
        for (chunk, id) in manifest.chunks.enumerated() where try !knows(id) {
            recent?.chunks[id] = ChunkPlace(content: number, chunk: chunk)
            fresh += 1
        }
        recent?.contents[id] = number
        return fresh
    }

    /// Most ids that come are new, and looking for what is not there costs as much as finding what is. Who only asks
    /// does without: a scan would cost more than it saves.
    private func loadFilter() throws {
        guard settledIDs == nil else { return }
        var filter = IDFilter(capacity: IDFilter.fewest + 2 * (standing.contents + standing.chunks))
        for table in ["ids", "chunks"] {
            try database.run("SELECT id FROM \(table)") { filter.insert(try Digest(decoding: $0.bytes(0))) }
        }
        settledIDs = filter
    }

    /// Writes the recent ids into their tables.
    func settle() throws {
        let recent = try loadedRecent()
        for (id, number) in recent.contents.sorted(by: { $0.key < $1.key }) {
            try database.run("INSERT INTO ids(id, content) VALUES(?, ?)", .blob(id.bytes), .integer(number))
            settledIDs?.insert(id)
        }
        for (id, place) in recent.chunks.sorted(by: { $0.key < $1.key }) {
            try database.run(
                "INSERT INTO chunks(id, content, chunk) VALUES(?, ?, ?)", .blob(id.bytes), .integer(place.content),
                .integer(place.chunk))
            settledIDs?.insert(id)
        }
        if settledIDs?.isFull ?? false { settledIDs = nil }
        self.recent = Recent()
        standing.settled = standing.contents
    }

    private func loadedRecent() throws -> Recent {
        if let recent { return recent }
        var loaded = Recent()
        try database.run(
            """
            SELECT \(Tables.recordColumns), c.number FROM contents c CROSS JOIN journal j ON j.state = c.born
            WHERE c.number >= ? ORDER BY c.number
            """, .integer(standing.settled)
        ) { row in
            guard case .content(let id, let manifest, _) = try record(row) else { throw damaged }
            let number = Int(row.integer(Tables.recordColumnCount))
            loaded.contents[id] = number
            for (chunk, id) in manifest.chunks.enumerated() where loaded.chunks[id] == nil {
                if try !hasSettled(id) { loaded.chunks[id] = ChunkPlace(content: number, chunk: chunk) }
            }
        }
        recent = loaded
        return loaded
    }
}
