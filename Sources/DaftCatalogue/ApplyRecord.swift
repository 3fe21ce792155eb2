// Applies records to the tables, identically on the metadata server and on replicas. A record is validated before
// anything is written; an invalid one changes nothing.

import DaftModel
import DaftSQL

extension Tables {
    /// Appends `record`, encoded as `bytes`, to the journal.
    func append(_ record: Record, _ bytes: [UInt8]) throws {
        guard summary.system != nil || record.isSystem else { throw refused("a journal begins with its system") }
        let steps = try apply(record)
        summary.head = summary.head.after(bytes, steps: steps)
        try database.run(
            "INSERT INTO journal(state, record, digest) VALUES(?, ?, ?)", .integer(summary.head.state), .blob(bytes),
            .integer(summary.head.digest))
    }

    /// Appends records of another journal; each must lead to the state it claims.
    func append(_ delta: Delta) throws {
        for incoming in delta.records {
            let record: Record
            do { record = try Record(decoding: incoming.bytes) } catch {
                throw refused("record of state \(incoming.state): expected \(error.what) at byte \(error.offset)")
            }
            try append(record, incoming.bytes)
            guard summary.head.state == incoming.state else {
                throw refused("a record for state \(incoming.state) led to state \(summary.head.state)")
            }
        }
        guard delta.isLast ? summary.head == delta.head : summary.head.state < delta.head.state else {
            throw refused("these records do not lead to the sender's state \(delta.head.state)")
        }
    }

    /// By how much the record advances the state.
    private func apply(_ record: Record) throws -> Int {
        switch record {
        case .system(let id):
            guard summary.system == nil else { throw refused("a journal has one system") }
            summary.system = id
            return 1
        case .store(let info): try add(info)
        case .content(let id, let manifest, let stores): return try add(id, manifest, stores)
        case .entry(let named): try enter(named)
        case .holding(let holding): try set(holding)
        case .wish(let wish): try want(wish)
        case .left(let stores): try leave(stores)
        }
        return 1
    }

    private func add(_ info: StoreInfo) throws {
        if let number = summary.numbers[info.id] {
            try database.run(
                "UPDATE stores SET info = ?, left = 0 WHERE number = ?", .blob(info.encoded), .integer(number))
            return summary.left.remove(number)
        }
        let number = summary.inventories.count
        try database.run(
            "INSERT INTO stores(number, info, inventory) VALUES(?, ?, 0)", .integer(number), .blob(info.encoded))
        summary.numbers[info.id] = number
        summary.inventories.append(0)
    }

    /// A store that still has holdings cannot leave.
    private func leave(_ stores: BitSet) throws {
        try checkKnown(stores)
        if let busy = stores.first(where: { summary.inventories[$0] != 0 }) {
            throw refused("store number \(busy) keeps something, and cannot leave")
        }
        for store in stores { try database.run("UPDATE stores SET left = 1 WHERE number = ?", .integer(store)) }
        summary.left.formUnion(stores)
    }

    /// Keeps the larger request.
    private func want(_ wish: CopiesRequest) throws {
        var numbers: [Int] = []
        for id in wish.contents {
            guard let number = try number(of: id) else { throw refused("content \(id.hex) is not known") }
            numbers.append(number)
        }
        for name in wish.names where try entry(name) == nil { throw refused("it is not published", name) }
        for number in numbers.sorted() {
            try database.run(
                "UPDATE contents SET copies = max(copies, ?) WHERE number = ?", .integer(wish.copies.number),
                .integer(number))
        }
        for name in wish.names where wish.copies == .everywhere {
            try database.run("INSERT OR IGNORE INTO everywhere(name) VALUES(?)", .blob(name.bytes))
        }
    }

    private func add(_ id: ContentID, _ manifest: Manifest, _ stores: BitSet) throws -> Int {
        guard try number(of: id) == nil else { throw refused("content \(id.hex) is known") }
        try checkKnown(stores)
        let number = summary.contents
        let fresh = try addIDs(id, manifest, number)
        let steps = max(1, fresh)
        try database.run(
            "INSERT INTO contents(number, id, born, size, chunks, complete) VALUES(?, ?, ?, ?, ?, ?)",
            .integer(number), .blob(id.bytes), .integer(summary.head.state + State(steps)), .integer(manifest.size),
            .integer(manifest.chunks.count), .blob(stores.encoded))
        toggle(inventoryMark(of: id, .complete), of: stores)
        summary.contents += 1
        summary.chunks += fresh
        summary.bytes += manifest.size
        return steps
    }

    /// Write once: a name keeps its kind and content for ever; only its mode and mtime can change.
    private func enter(_ named: NamedEntry) throws {
        let name = named.name
        let parent = name.parent ?? .root
        guard try parent == summary.lastParent || entry(parent)?.isDirectory == true else {
            throw refused("no directory stands at \(parent)", name)
        }
        let older = try currentEntry(name)
        guard (older?.entry ?? entryBeforeAny(name))?.admits(named.entry) != false else {
            throw refused("something else stands there", name)
        }
        var used: Int?
        if let id = named.entry.content {
            used = try number(of: id)
            if used == nil { throw refused("its content \(id.hex) is not known", name) }
        }
        let born = summary.head.state + 1
        summary.lastParent = parent
        if let older { try end(older.born, at: born, name, used) } else { summary.entries += 1 }
        try database.run("INSERT INTO entries(name, born) VALUES(?, ?)", .blob(name.bytes), .integer(born))
        if let used {
            try database.run("INSERT INTO uses(content, born) VALUES(?, ?)", .integer(used), .integer(born))
        }
    }

    private func end(_ born: State, at ended: State, _ name: Name, _ used: Int?) throws {
        try database.run(
            "UPDATE entries SET ended = ? WHERE name = ? AND born = ?", .integer(ended), .blob(name.bytes),
            .integer(born))
        if let used {
            try database.run("DELETE FROM uses WHERE content = ? AND born = ?", .integer(used), .integer(born))
        }
    }

    func checkKnown(_ stores: BitSet) throws {
        guard stores.bound <= summary.inventories.count else {
            throw refused("store number \(stores.bound - 1) is not known")
        }
        if let store = stores.intersection(summary.left).first(from: 0) {
            throw refused("store number \(store) has left")
        }
    }

    func refused(_ reason: String, _ name: Name? = nil) -> Failure {
        Failure(.malformed, name?.bytes ?? Array(path.utf8), "record refused: \(reason)")
    }
}

extension Record {
    fileprivate var isSystem: Bool { if case .system = self { true } else { false } }
}
