// The entries by name. Names are in byte order, so everything below `/d` lies between `/d/` and `/d0`: `0` is the byte
// after `/`.

import DaftModel
import DaftSQL

extension Tables {
    func entry(_ name: Name) throws -> Entry? { try currentEntry(name)?.entry ?? entryBeforeAny(name) }

    /// The root exists before any record mentions it.
    func entryBeforeAny(_ name: Name) -> Entry? {
        name.isRoot ? Entry(.directory, mode: 0o755, mtime: Time(seconds: 0, nanoseconds: 0)) : nil
    }

    /// The current version of an entry, and the state in which its name was created.
    func currentEntry(_ name: Name) throws -> (born: State, entry: Entry)? {
        try current(name, Tables.recordColumns) { row, entry in (row.word(0), entry) }
    }

    func attributes(of name: Name) throws -> Attributes? {
        try current(name, Tables.attributeColumns) { row, entry in try attributes(entry, row) }
            ?? entryBeforeAny(name).map { Attributes($0, born: 0, size: 0) }
    }

    private func current<T>(
        _ name: Name, _ columns: String, as read: (borrowing Row, Entry) throws -> T
    ) throws -> T? {
        var found: T?
        try database.run(
            """
            SELECT \(columns) FROM entries e CROSS JOIN journal j ON j.state = e.born
            WHERE e.name = ? ORDER BY e.born DESC LIMIT 1
            """, .blob(name.bytes)
        ) { row in
            let named = try namedEntry(row)
            guard named.name == name else { throw damaged }
            found = try read(row, named.entry)
        }
        return found
    }

    private func attributes(_ entry: Entry, _ row: borrowing Row) throws -> Attributes {
        let born = row.word(0)
        switch entry.kind {
        case .directory: return Attributes(entry, born: born, size: 0)
        case .symlink(let target): return Attributes(entry, born: born, size: Int64(target.count))
        case .file(let content):
            let before = row.withBytes(Tables.recordColumnCount) { Record.size(of: content, from: $0) }
            guard let size = try before ?? size(of: content)?.bytes, size >= 0 else { throw damaged }
            return Attributes(entry, born: born, size: size)
        }
    }

    /// One level of a directory. Skips what is below a child: for `/d`, everything up to `/d0`. That need not follow
    /// the child directly, since `/d.txt` sorts between `/d` and `/d/x`.
    func children(of name: Name, after: Name?, limit: Int) throws -> [DirectoryEntry] {
        let (first, end) = span(below: name)
        var next: [UInt8]? = max(after.map { $0.bytes + [0] } ?? first, first)
        var found: [DirectoryEntry] = []
        while found.count < limit, let from = next {
            next = nil
            try database.scan(
                Tables.entriesFrom(Tables.attributeColumns), .blob(from), .blob(end), .integer(limit - found.count)
            ) { row in
                let deeper = row.withBytes(Tables.attributeColumnCount) { bytes -> [UInt8]? in
                    guard bytes.count >= first.count else { return nil }
                    return bytes[first.count...].firstIndex(of: slash).map { Array(bytes[..<$0]) + [slash + 1] }
                }
                if let deeper {
                    next = deeper
                    return false
                }
                let named = try namedEntry(row, nameIn: Tables.attributeColumnCount)
                found.append(DirectoryEntry(named.name, try attributes(named.entry, row)))
                return true
            }
        }
        return found
    }

    func below(_ name: Name, after: Name?, limit: Int) throws -> [NamedEntry] {
        let (start, end) = span(below: name)
        return try entries(from: max(after.map { $0.bytes + [0] } ?? start, start), to: end, limit: limit)
    }

    func names(of content: ContentID) throws -> [Name] {
        guard let number = try number(of: content) else { return [] }
        var found: [Name] = []
        try database.run(
            """
            SELECT \(Tables.recordColumns) FROM uses u CROSS JOIN journal j ON j.state = u.born
            WHERE u.content = ?
            """, .integer(number)
        ) { found.append(try namedEntry($0).name) }
        return found.sorted()
    }

    private func entries(from start: [UInt8], to end: [UInt8], limit: Int) throws -> [NamedEntry] {
        var found: [NamedEntry] = []
        try database.run(Tables.entriesFrom(Tables.recordColumns), .blob(start), .blob(end), .integer(max(0, limit))) {
            found.append(try namedEntry($0, nameIn: Tables.recordColumnCount))
        }
        return found
    }

    /// The columns of a record and of the record before it.
    private static let attributeColumns = """
        \(recordColumns),
            (SELECT p.record FROM journal p WHERE p.state < j.state ORDER BY p.state DESC LIMIT 1)
        """
    private static let attributeColumnCount = recordColumnCount + 1

    private static func entriesFrom(_ columns: String) -> String {
        """
        SELECT \(columns), e.name FROM entries e CROSS JOIN journal j ON j.state = e.born
        WHERE e.name >= ? AND e.name < ? AND e.ended IS NULL ORDER BY e.name LIMIT ?
        """
    }

    /// The half-open key range of all names below `name`, and no others.
    private func span(below name: Name) -> (start: [UInt8], end: [UInt8]) {
        let stem = name.isRoot ? [] : name.bytes
        return (stem + [slash, 0], stem + [slash + 1])
    }

    private func namedEntry(_ row: borrowing Row, nameIn column: Int? = nil) throws -> NamedEntry {
        guard case .entry(let named) = try record(row) else { throw damaged }
        if let column, !row.withBytes(column, { $0.elementsEqual(named.name.bytes) }) { throw damaged }
        return named
    }
}

private let slash = UInt8(ascii: "/")

private func max(_ x: [UInt8], _ y: [UInt8]) -> [UInt8] { x.lexicographicallyPrecedes(y) ? y : x }
