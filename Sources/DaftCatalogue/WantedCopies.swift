// Contents with fewer copies than wanted, page by page, for a repair. Only their manifests are read; other contents
// cost one row each.

import DaftModel
import DaftSQL

/// A content with everything that determines its copies.
public struct CopiedContent: Sendable {
    public let id: ContentID
    public let manifest: Manifest
    public let holders: Holders
    public let copies: Copies
}

extension Catalogue {
    /// Contents in order of publication, from number `start` on, of which fewer of `present` keep complete copies than
    /// wanted. Examines at most `limit` rows; returns where to continue, or nil at the end.
    public func lacking(
        from start: Int, limit: Int, among present: BitSet
    ) throws(Failure) -> (contents: [CopiedContent], next: Int?) {
        try asking { try $0.lacking(from: start, limit: limit, among: present) }
    }

    /// Directories and symlinks wanted on every data server, in name order.
    public func everywhere(after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try asking { try $0.everywhere(after: after, limit: limit) }
    }

    public func copied(_ content: ContentID) throws(Failure) -> CopiedContent? {
        try asking { try $0.copied(content) }
    }
}

extension Tables {
    func copies(of content: ContentID) throws -> Copies {
        guard let number = try number(of: content) else { return .one }
        return try copies(
            database.first("SELECT copies FROM contents WHERE number = ?", .integer(number)) { Int($0.integer(0)) })
    }

    private func copies(_ number: Int?) throws -> Copies {
        guard let copies = number.flatMap({ Copies(number: $0) }) else { throw damaged }
        return copies
    }

    func isEverywhere(_ name: Name) throws -> Bool {
        try database.first("SELECT 1 FROM everywhere WHERE name = ?", .blob(name.bytes)) { _ in true } ?? false
    }

    func everywhere(after: Name?, limit: Int) throws -> [NamedEntry] {
        var names: [Name] = []
        try database.run(
            "SELECT name FROM everywhere WHERE name > ? ORDER BY name LIMIT ?", .blob(after?.bytes ?? []),
            .integer(limit)
        ) { row in
            guard let name = try? Name(row.bytes(0)) else { throw damaged }
            names.append(name)
        }
        return try names.compactMap { name in try entry(name).map { NamedEntry(name, $0) } }
    }

    func lacking(
        from start: Int, limit: Int, among present: BitSet
    ) throws -> (contents: [CopiedContent], next: Int?) {
        var ids: [ContentID] = []
        var last: Int?
        let servers = present.count
        try database.run(
            "SELECT number, id, complete, copies FROM contents WHERE number >= ? ORDER BY number LIMIT ?",
            .integer(start), .integer(limit)
        ) { row in
            guard (0..<summary.contents).contains(Int(row.integer(0))) else { throw damaged }
            last = Int(row.integer(0))
            let keepers = try BitSet(decoding: row.bytes(2)).intersection(present).count
            if keepers < (try copies(Int(row.integer(3)))).among(servers) {
                ids.append(try ContentID(decoding: row.bytes(1)))
            }
        }
        return (try ids.compactMap { try copied($0) }, last.map { $0 + 1 })
    }

    func copied(_ id: ContentID) throws -> CopiedContent? {
        guard let manifest = try manifest(id) else { return nil }
        return CopiedContent(id: id, manifest: manifest, holders: try holders(of: id), copies: try copies(of: id))
    }
}
