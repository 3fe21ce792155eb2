// The queries of a catalogue.

import DaftModel
import DaftSQL

/// A store with its number in the journal.
public struct KnownStore: Hashable, Sendable {
    public let number: Int
    public let info: StoreInfo
    /// Whether it has left the system.
    public let hasLeft: Bool
}

/// The catalogue at one state, for many queries: each query by itself would first have to determine its state. Valid
/// only during the call that provides it.
public struct CatalogueSnapshot {
    private let tables: Tables

    fileprivate init(_ tables: Tables) { self.tables = tables }

    public func entry(_ name: Name) throws(Failure) -> Entry? { try ask { try $0.entry(name) } }

    public func size(of content: ContentID) throws(Failure) -> (bytes: Int64, chunks: Int)? {
        try ask { try $0.size(of: content) }
    }

    /// Of a content with a name; throws if it is unknown, since that is damage.
    public func manifest(ofNamed content: ContentID) throws(Failure) -> Manifest {
        try ask { tables in
            guard let manifest = try tables.manifest(content) else { throw tables.damaged }
            return manifest
        }
    }

    /// The holders of a content and the number of copies wanted.
    public func copies(of content: ContentID) throws(Failure) -> (holders: Holders, wanted: Copies, chunks: Int)? {
        try ask { tables in
            guard let row = try tables.content(content) else { return nil }
            return (try tables.holders(row), row.copies, row.chunks)
        }
    }

    public func holders(of content: ContentID) throws(Failure) -> Holders { try ask { try $0.holders(of: content) } }

    private func ask<T>(_ question: (Tables) throws -> T) throws(Failure) -> T {
        do { return try question(tables) } catch { throw Tables.failure(error, tables.path) }
    }
}

extension Catalogue {
    /// Runs many queries on one state; keep `body` short.
    public func snapshot<T: Sendable>(
        _ body: (CatalogueSnapshot) throws(Failure) -> T
    ) throws(Failure) -> T {
        try asking { try body(CatalogueSnapshot($0)) }
    }

    /// The entry of `name`. The root always exists.
    public func entry(_ name: Name) throws(Failure) -> Entry? { try asking { try $0.entry(name) } }

    /// One level below `name`, in name order; for the next page pass the last name of this one.
    public func children(of name: Name, after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try asking { tables in
            try tables.children(of: name, after: after, limit: limit).map { NamedEntry($0.name, $0.attributes.entry) }
        }
    }

    /// Everything strictly below `name`, in byte order; paged like `children`.
    public func below(_ name: Name, after: Name?, limit: Int) throws(Failure) -> [NamedEntry] {
        try asking { try $0.below(name, after: after, limit: limit) }
    }

    public func manifest(_ content: ContentID) throws(Failure) -> Manifest? {
        try asking { try $0.manifest(content) }
    }

    /// Of a content with a name; throws if it is unknown, since that is damage.
    public func manifest(ofNamed content: ContentID) throws(Failure) -> Manifest {
        try snapshot { (snapshot) throws(Failure) in try snapshot.manifest(ofNamed: content) }
    }

    /// Does not read the chunk ids.
    public func size(of content: ContentID) throws(Failure) -> (bytes: Int64, chunks: Int)? {
        try asking { try $0.size(of: content) }
    }

    public func holders(of content: ContentID) throws(Failure) -> Holders {
        try asking { try $0.holders(of: content) }
    }

    /// For each entry that exists exactly so: its holders and the number of copies wanted; else nil.
    public func entryHolders(_ entries: [NamedEntry]) throws(Failure) -> [EntryHolders?] {
        try asking { tables in try entries.map { try tables.entryHolders($0) } }
    }

    /// The number of copies wanted; `.one` for unknown contents.
    public func copies(of content: ContentID) throws(Failure) -> Copies { try asking { try $0.copies(of: content) } }

    /// The names of a content, in order.
    public func names(of content: ContentID) throws(Failure) -> [Name] { try asking { try $0.names(of: content) } }

    public func stores() throws(Failure) -> [KnownStore] { try asking { try $0.stores() } }

    /// XOR of `inventoryMark` over a store's holdings.
    public func inventory(of store: Int) throws(Failure) -> UInt64 {
        let inventories = summary.inventories
        return inventories.indices.contains(store) ? inventories[store] : 0
    }

    /// A store's holdings in order of content ids. Scans the table; for when inventories differ.
    public func holdings(
        of store: Int, after: ContentID?, limit: Int
    ) throws(Failure) -> [(content: ContentID, extent: Extent)] {
        try settled { try $0.holdings(of: store, after: after, limit: limit) }
    }

    /// Every row of every table as text, in a fixed order: equal catalogues have equal dumps.
    public func dump() throws(Failure) -> [String] { try settled { try $0.dump() } }

    /// For queries through the ids table: settles all ids first.
    private func settled<T: Sendable>(_ body: (Tables) throws -> T) throws(Failure) -> T {
        try locked { tables in
            try tables.transaction { try tables.settle() }
            return try body(tables)
        }
    }
}

extension Tables {
    func size(of content: ContentID) throws -> (bytes: Int64, chunks: Int)? {
        if let number = try recentNumber(of: content) {
            return try database.first("SELECT size, chunks FROM contents WHERE number = ?", .integer(number)) {
                ($0.integer(0), Int($0.integer(1)))
            }
        }
        var found: (bytes: Int64, chunks: Int)?
        try database.run(
            "SELECT c.id, c.size, c.chunks FROM ids i CROSS JOIN contents c ON c.number = i.content WHERE i.key = ?",
            .integer(content.key)
        ) { row in
            if row.withBytes(0, { $0.count == 32 && Digest($0) == content }) {
                found = (row.integer(1), Int(row.integer(2)))
            }
        }
        return found
    }

    func stores() throws -> [KnownStore] {
        var stores: [KnownStore] = []
        try database.run("SELECT number, info, left FROM stores ORDER BY number") {
            stores.append(
                KnownStore(
                    number: Int($0.integer(0)), info: try StoreInfo(decoding: $0.bytes(1)),
                    hasLeft: $0.integer(2) != 0))
        }
        return stores
    }

    func delta(after head: Head, limitBytes: Int) throws -> DeltaAnswer {
        guard try contains(head) else { return .forked }
        var records: [JournalRecord] = []
        var bytes = 0
        var last = head
        while last.state < summary.head.state, records.isEmpty || bytes < limitBytes {
            let next = try database.first(
                "SELECT state, record, digest FROM journal WHERE state > ? ORDER BY state LIMIT 1",
                .integer(last.state)
            ) { (JournalRecord(state: $0.word(0), bytes: $0.bytes(1)), Head(state: $0.word(0), digest: $0.word(2))) }
            guard let (record, head) = next, last.after(record.bytes, at: head.state) == head else { throw damaged }
            bytes += record.bytes.count
            if !records.isEmpty, bytes > limitBytes { break }
            records.append(record)
            last = head
        }
        return .records(Delta(records: records, head: summary.head))
    }

    private func contains(_ head: Head) throws -> Bool {
        if head == .empty { return true }
        return try database.first("SELECT digest FROM journal WHERE state = ?", .integer(head.state)) { $0.word(0) }
            == head.digest
    }

    fileprivate func dump() throws -> [String] {
        var lines: [String] = []
        for (table, columns, key) in [
            ("standing", ["state", "digest", "system", "entries", "contents", "chunks", "bytes", "settled"], "one"),
            ("journal", ["state", "record", "digest"], "state"),
            ("stores", ["number", "info", "inventory", "left"], "number"),
            ("entries", ["name", "born", "ended"], "name, born"),
            ("uses", ["content", "born"], "content, born"),
            ("contents", ["number", "id", "born", "size", "chunks", "complete", "copies"], "number"),
            ("ids", ["key", "content"], "key, content"),
            ("chunks", ["key"], "key"),
            ("parts", ["content", "store", "chunks"], "content, store"),
            ("everywhere", ["name"], "name"),
        ] {
            let text = columns.map { "quote(\($0))" }.joined(separator: " || ' ' || ")
            try database.run("SELECT \(text) FROM \(table) ORDER BY \(key)") {
                lines.append(table + " " + String(decoding: $0.bytes(0), as: UTF8.self))
            }
        }
        return lines
    }
}
