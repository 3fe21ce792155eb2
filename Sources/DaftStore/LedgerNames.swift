// store.sqlite: the names, and by what a file that stands under one is known again without reading it.

import DaftModel
import DaftSQL

/// By what a file is known again.
struct FileStamp: Hashable, Sendable {
    let size: Int64
    /// Nanoseconds, wrapping: only ever compared.
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

/// A row of the names.
struct NameRow: Sendable {
    let named: NamedEntry
    let stamp: FileStamp

    var name: Name { named.name }
    var entry: Entry { named.entry }
}

extension Ledger {
    private static let columns = "name, entry, size, mtime, inode"

    private func standing(_ row: borrowing Row) throws -> NameRow {
        NameRow(
            named: NamedEntry(try name(row.bytes(0)), try Entry(decoding: row.bytes(1))),
            stamp: FileStamp(size: row.integer(2), recorded: row.integer(3), inode: row.word(4)))
    }

    /// Records that an entry stands under its name; `number` is that of its content.
    func stand(_ named: NamedEntry, _ number: Int64?, _ stamp: FileStamp) throws {
        try database.run(
            "INSERT OR REPLACE INTO names VALUES(?, ?, ?, ?, ?, ?)", .blob(named.name.bytes),
            .blob(named.entry.encoded), number.map { .integer($0) } ?? .null, .integer(stamp.size),
            .integer(stamp.mtime), .integer(stamp.inode))
        if number != nil { try forgetNote(named.name) }
    }

    /// Records that a content that is kept in part has this name.
    func note(_ named: NamedEntry) throws {
        guard let content = named.entry.content, let number = try known(content)?.number else { return }
        try database.run(
            "INSERT OR REPLACE INTO spread VALUES(?, ?, ?)", .blob(named.name.bytes), .blob(named.entry.encoded),
            .integer(number))
    }

    func forgetNote(_ name: Name) throws {
        try database.run("DELETE FROM spread WHERE name = ?", .blob(name.bytes))
    }

    /// The noted names in order.
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

    func standing(_ name: Name) throws -> NameRow? {
        var found: NameRow?
        try database.run("SELECT \(Ledger.columns) FROM names WHERE name = ?", .blob(name.bytes)) {
            found = try standing($0)
        }
        return found
    }

    /// The stamp of a name under which just this entry is recorded.
    func stamp(of named: NamedEntry) throws -> FileStamp? {
        var found: FileStamp?
        try database.run("SELECT entry, size, mtime, inode FROM names WHERE name = ?", .blob(named.name.bytes)) {
            guard $0.bytes(0) == named.entry.encoded else { return }
            found = FileStamp(size: $0.integer(1), recorded: $0.integer(2), inode: $0.word(3))
        }
        return found
    }

    /// The names of a content, whose number this is.
    func standings(of content: ContentID, _ number: Int64) throws -> [NameRow] {
        var found: [NameRow] = []
        try database.run("SELECT \(Ledger.columns) FROM names WHERE number = ?", .integer(number)) {
            found.append(try standing($0))
        }
        // What stands under them is taken away where it is not this content: it must be meant to be.
        guard found.allSatisfy({ $0.entry.content == content }) else {
            throw Malformed("name of \(content.hex)", at: 0)
        }
        return found
    }

    /// Names in order.
    func standings(after: Name?, limit: Int) throws -> [NameRow] {
        var found: [NameRow] = []
        try database.run(
            "SELECT \(Ledger.columns) FROM names WHERE name > ? ORDER BY name LIMIT ?", .blob(after?.bytes ?? []),
            .integer(limit)
        ) { found.append(try standing($0)) }
        return found
    }
}
