// store.sqlite: users' files of this node, as they were when they were read last, and the contents that were published
// for them. It only saves reading: a row that is lost, or whose content is no longer here, costs no more than that.

import DaftModel
import DaftSQL

extension Ledger {
    /// Some 100 bytes each.
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

    /// Files that are gone leave their rows behind. When there are too many, all are forgotten, and read once more.
    func makeRoomForSources(_ more: Int) throws {
        let counted = try sources ?? database.first("SELECT count(*) FROM sources") { $0.integer(0) } ?? 0
        sources = counted + Int64(more)
        guard counted + Int64(more) > Ledger.mostSources else { return }
        try database.run("DELETE FROM sources")
        sources = Int64(more)
    }
}
