// Users' source files on this node as last read, with their published contents: a cache that saves reading. A lost row
// or one with a dropped content only costs a read.

import DaftModel
import DaftSQL

extension Ledger {
    /// About 100 bytes each.
    private static let mostSources: Int64 = 8_000_000

    func content(of source: SourceIdentity) throws -> ContentID? {
        var found: ContentID?
        try database.run(
            "SELECT size, mtime, ctime, content FROM sources WHERE device = ? AND inode = ?",
            .integer(source.device), .integer(source.inode)
        ) { row in
            guard row.integer(0) == source.size, row.bytes(1) == source.mtime.encoded,
                row.bytes(2) == source.ctime.encoded
            else { return }
            found = ContentID(bytes: row.bytes(3))
        }
        return found
    }

    func remember(_ source: KnownSource) throws {
        let identity = source.identity
        try database.run(
            "INSERT OR REPLACE INTO sources VALUES(?, ?, ?, ?, ?, ?)", .integer(identity.device),
            .integer(identity.inode), .integer(identity.size), .blob(identity.mtime.encoded),
            .blob(identity.ctime.encoded), .blob(source.content.bytes))
    }

    /// Rows of deleted files accumulate; at the limit all rows are dropped.
    func makeRoomForSources(_ more: Int) throws {
        let counted = try sources ?? database.first("SELECT count(*) FROM sources") { $0.integer(0) } ?? 0
        sources = counted + Int64(more)
        guard counted + Int64(more) > Ledger.mostSources else { return }
        try database.run("DELETE FROM sources")
        sources = Int64(more)
    }
}
