// Contents and their holders: one set of stores that keep a content completely, and a row per store that keeps a part.

import DaftModel
import DaftSQL

/// The holders of a content.
public struct Holders: Sendable {
    /// Numbers of the stores that keep all of it.
    public var complete: BitSet
    /// Other stores that keep some of its chunks, by number.
    public var parts: [(store: Int, chunks: BitSet)]

    public init(complete: BitSet = BitSet(), parts: [(store: Int, chunks: BitSet)] = []) {
        self.complete = complete
        self.parts = parts
    }

    /// How much of the content a store keeps.
    public func extent(of store: Int) -> Extent {
        if complete.contains(store) { return .complete }
        return parts.first { $0.store == store }.map { .part($0.chunks) } ?? .nothing
    }
}

/// The holders of an existing entry; empty if the entry has no content.
public struct EntryHolders: Sendable {
    /// Without partial holders if any store keeps all of it.
    public let holders: Holders
    public let copies: Copies
    /// Number of chunks of its content.
    public let chunks: Int
}

/// The row of a content.
struct Content {
    let number: Int
    let id: ContentID
    let chunks: Int
    let copies: Copies
    var complete: BitSet
}

extension Tables {
    func entryHolders(_ named: NamedEntry) throws -> EntryHolders? {
        guard try entry(named.name) == named.entry else { return nil }
        guard let id = named.entry.content else {
            let copies = try isEverywhere(named.name) ? Copies.everywhere : .one
            return EntryHolders(holders: Holders(), copies: copies, chunks: 0)
        }
        guard let content = try content(id) else { throw damaged }
        let holders = content.complete.isEmpty ? try holders(content) : Holders(complete: content.complete)
        return EntryHolders(holders: holders, copies: content.copies, chunks: content.chunks)
    }

    func content(_ id: ContentID) throws -> Content? {
        guard let number = try number(of: id) else { return nil }
        let row = try database.first(
            "SELECT chunks, copies, complete FROM contents WHERE number = ?", .integer(number)
        ) { (chunks: Int($0.integer(0)), copies: Int($0.integer(1)), complete: $0.bytes(2)) }
        guard let row, let copies = Copies(number: row.copies) else { throw damaged }
        return Content(
            number: number, id: id, chunks: row.chunks, copies: copies, complete: try stores(row.complete))
    }

    func manifest(_ id: ContentID) throws -> Manifest? {
        guard let number = try number(of: id) else { return nil }
        var found: Record?
        try database.run(
            """
            SELECT \(Tables.recordColumns) FROM contents c CROSS JOIN journal j ON j.state = c.born
            WHERE c.number = ?
            """, .integer(number)
        ) { found = try record($0) }
        guard case .content(id, let manifest, _) = found else { throw damaged }
        return manifest
    }

    func holders(of id: ContentID) throws -> Holders {
        guard let content = try content(id) else { return Holders() }
        return try holders(content)
    }

    func holders(_ content: Content) throws -> Holders {
        Holders(complete: content.complete, parts: try parts(of: content.number))
    }

    private func parts(of content: Int) throws -> [(store: Int, chunks: BitSet)] {
        var parts: [(store: Int, chunks: BitSet)] = []
        try database.run(
            "SELECT store, chunks FROM parts WHERE content = ? ORDER BY store", .integer(content)
        ) { parts.append((try known(store: $0.integer(0)), try BitSet(decoding: $0.bytes(1)))) }
        return parts
    }

    /// Decodes a set of stores; unknown numbers are damage.
    private func stores(_ bytes: [UInt8]) throws -> BitSet {
        let stores = try BitSet(decoding: bytes)
        guard stores.bound <= summary.inventories.count else { throw damaged }
        return stores
    }

    private func known(store number: Int64) throws -> Int {
        guard summary.inventories.indices.contains(Int(number)) else { throw damaged }
        return Int(number)
    }

    /// Only contents whose ids are settled.
    func holdings(of store: Int, after: ContentID?, limit: Int) throws -> [(content: ContentID, extent: Extent)] {
        var found: [(content: ContentID, extent: Extent)] = []
        var last = after
        while found.count < limit {
            var rows = 0
            let from = last?.key ?? Int64.min
            try database.run(
                """
                SELECT i.key, c.id, c.complete, p.chunks FROM ids i CROSS JOIN contents c ON c.number = i.content
                LEFT JOIN parts p ON p.content = c.number AND p.store = ?1
                WHERE i.key >= ?2 AND (i.key > ?2 OR c.id > ?3) ORDER BY i.key, c.id LIMIT ?4
                """, .integer(store), .integer(from), .blob(last?.bytes ?? []),
                .integer(limit - found.count)
            ) { row in
                rows += 1
                let id = try ContentID(decoding: row.bytes(1))
                guard id.key == row.integer(0) else { throw damaged }
                last = id
                if try BitSet(decoding: row.bytes(2)).contains(store) {
                    found.append((id, .complete))
                } else if !row.isNull(3) {
                    found.append((id, .part(try BitSet(decoding: row.bytes(3)))))
                }
            }
            if rows == 0 { break }
        }
        return found
    }

    func set(_ holding: Holding) throws {
        try checkKnown(holding.stores)
        var contents: [Content] = []
        for id in Set(holding.contents) {
            guard let content = try content(id) else { throw refused("content \(id.hex) is not known") }
            if case .part(let chunks) = holding.extent, chunks.bound > content.chunks {
                throw refused("content \(id.hex) has no chunk \(chunks.bound - 1)")
            }
            contents.append(content)
        }
        contents.sort { $0.number < $1.number }  // their rows are written page by page
        var toggles: [BitSet: UInt64] = [:]
        for content in contents { try set(holding.extent, of: content, in: holding.stores, &toggles) }
        for (stores, mark) in toggles { toggle(mark, of: stores) }
    }

    /// Replaces previous holdings in the inventories. Changes for the same stores are combined over all contents of a
    /// record, so that a broadcast to 512 stores does not cost 512 steps per content.
    private func set(
        _ extent: Extent, of content: Content, in stores: BitSet, _ toggles: inout [BitSet: UInt64]
    ) throws {
        try dropParts(of: content, in: stores, &toggles)
        var complete = content.complete
        complete.subtract(stores)
        toggles[content.complete.subtracting(complete), default: 0] ^= inventoryMark(of: content.id, .complete)
        let extent = extent.settled(of: content.chunks)
        toggles[stores, default: 0] ^= inventoryMark(of: content.id, extent)
        switch extent {
        case .complete:
            complete.formUnion(stores)
        case .part(let chunks):
            for store in stores where !chunks.isEmpty {
                try database.run(
                    "INSERT INTO parts(content, store, chunks) VALUES(?, ?, ?)", .integer(content.number),
                    .integer(store), .blob(chunks.encoded))
            }
        }
        if complete == content.complete { return }
        try database.run(
            "UPDATE contents SET complete = ? WHERE number = ?", .blob(complete.encoded), .integer(content.number))
    }

    private func dropParts(of content: Content, in stores: BitSet, _ toggles: inout [BitSet: UInt64]) throws {
        for part in try parts(of: content.number) where stores.contains(part.store) {
            try database.run(
                "DELETE FROM parts WHERE content = ? AND store = ?", .integer(content.number), .integer(part.store))
            toggles[BitSet([part.store]), default: 0] ^= inventoryMark(of: content.id, .part(part.chunks))
        }
    }

    /// XORs a mark into the inventory of each of `stores`.
    func toggle(_ mark: UInt64, of stores: BitSet) { stores.toggle(mark, in: &summary.inventories) }
}

extension Extent {
    /// Normalises: all chunks are `.complete`, no chunks are `.nothing`, even for a content without chunks.
    fileprivate func settled(of count: Int) -> Extent {
        if case .part(let chunks) = self, !chunks.isEmpty { Extent(chunks, of: count) } else { self }
    }
}

extension BitSet {
    fileprivate func subtracting(_ other: BitSet) -> BitSet {
        var rest = self
        rest.subtract(other)
        return rest
    }

    fileprivate func toggle(_ mark: UInt64, in sums: inout [UInt64]) {
        for member in self { sums[member] ^= mark }
    }
}
