// Names in store.sqlite, with the stamps that identify unchanged files without reading them.

import DaftModel
import DaftSQL

/// Identifies an unchanged file.
struct FileStamp: Hashable, Sendable {
    let size: Int64
    /// Nanoseconds, truncated; used for equality only.
    let mtime: Int64
    let inode: UInt64

    init(size: Int64, mtime: Time, inode: UInt64) {
        self.size = size
        self.mtime = mtime.seconds &* 1_000_000_000 &+ Int64(mtime.nanoseconds)
        self.inode = inode
    }

    init(_ status: Status) { self.init(size: status.size, mtime: status.mtime, inode: status.inode) }

    fileprivate init(size: Int64, recorded mtime: Int64, inode: UInt64) {
        self.size = size
        self.mtime = mtime
        self.inode = inode
    }
}

/// A row of the names table.
struct NameRow: Sendable {
    let named: NamedEntry
    let stamp: FileStamp

    var name: Name { named.name }
    var entry: Entry { named.entry }
}

extension Ledger {
    private static let columns = "name, entry, size, mtime, inode"

    private func nameRow(_ row: borrowing Row) throws -> NameRow {
        NameRow(
            named: NamedEntry(try name(row.bytes(0)), try Entry(decoding: row.bytes(1))),
            stamp: FileStamp(size: row.integer(2), recorded: row.integer(3), inode: row.word(4)))
    }

    /// Records that an entry is placed at its name; `number` is its content's.
    func record(_ named: NamedEntry, _ number: Int64?, _ stamp: FileStamp) throws {
        try database.run(
            "INSERT OR REPLACE INTO names VALUES(?, ?, ?, ?, ?, ?)", .blob(named.name.bytes),
            .blob(named.entry.encoded), number.map { .integer($0) } ?? .null, .integer(stamp.size),
            .integer(stamp.mtime), .integer(stamp.inode))
        if number != nil { try forgetNote(named.name) }
    }

    /// Records a name of a content kept in part.
    func note(_ named: NamedEntry) throws {
        guard let content = named.entry.content, let number = try known(content)?.number else { return }
        try database.run(
            "INSERT OR REPLACE INTO spread VALUES(?, ?, ?)", .blob(named.name.bytes), .blob(named.entry.encoded),
            .integer(number))
    }

    func forgetNote(_ name: Name) throws {
        try database.run("DELETE FROM spread WHERE name = ?", .blob(name.bytes))
    }

    /// Noted names, in order.
    func notes(after: Name?, limit: Int) throws -> [NamedEntry] {
        var found: [NamedEntry] = []
        try database.run(
            "SELECT name, entry FROM spread WHERE name > ? ORDER BY name LIMIT ?", .blob(after?.bytes ?? []),
            .integer(limit)
        ) { row in
            found.append(NamedEntry(try name(row.bytes(0)), try Entry(decoding: row.bytes(1))))
        }
        return found
    }

    private func name(_ bytes: [UInt8]) throws -> Name {
        do { return try Name(bytes) } catch { throw Malformed("name: \(error.reason)", at: 0) }
    }

    func setStamp(_ stamp: FileStamp, of name: Name) throws {
        try database.run(
            "UPDATE names SET size = ?, mtime = ?, inode = ? WHERE name = ?", .integer(stamp.size),
            .integer(stamp.mtime), .integer(stamp.inode), .blob(name.bytes))
    }

    func forget(_ name: Name) throws {
        try database.run("DELETE FROM names WHERE name = ?", .blob(name.bytes))
    }

    func nameRow(_ name: Name) throws -> NameRow? {
        var found: NameRow?
        try database.run("SELECT \(Ledger.columns) FROM names WHERE name = ?", .blob(name.bytes)) {
            found = try nameRow($0)
        }
        return found
    }

    /// The stamp of a name if exactly this entry is recorded there.
    func stamp(of named: NamedEntry) throws -> FileStamp? {
        var found: FileStamp?
        try database.run("SELECT entry, size, mtime, inode FROM names WHERE name = ?", .blob(named.name.bytes)) {
            guard $0.bytes(0) == named.entry.encoded else { return }
            found = FileStamp(size: $0.integer(1), recorded: $0.integer(2), inode: $0.word(3))
        }
        return found
    }

    /// The names of a content.
    func nameRows(of content: ContentID, _ number: Int64) throws -> [NameRow] {
        var found: [NameRow] = []
        try database.run("SELECT \(Ledger.columns) FROM names WHERE number = ?", .integer(number)) {
            found.append(try nameRow($0))
        }
        // Scrub removes files at these names, so the rows must really be this content's.
        guard found.allSatisfy({ $0.entry.content == content }) else {
            throw Malformed("name of \(content.hex)", at: 0)
        }
        return found
    }

    /// Names, in order.
    func nameRows(after: Name?, limit: Int) throws -> [NameRow] {
        var found: [NameRow] = []
        try database.run(
            "SELECT \(Ledger.columns) FROM names WHERE name > ? ORDER BY name LIMIT ?", .blob(after?.bytes ?? []),
            .integer(limit)
        ) { found.append(try nameRow($0)) }
        return found
    }
}
