// Fuzz targets: arbitrary well-formed records applied to a catalogue, and queries of a catalogue with damaged rows.

@testable import DaftCatalogue
import DaftCommand
import DaftModel
import DaftSQL

extension Target {
    /// A sequence of length-prefixed records.
    static let catalogue = Target(name: "catalogue", seeds: { catalogueSeeds }) { bytes in
        guard let tables = inMemory else { complain("no catalogue in memory") }
        let before = tables.summary
        try? tables.transaction {
            var reader = ByteReader(bytes)
            while let bytes = try? reader.run(), let record = try? Record(decoding: bytes) {
                try? tables.append(record, bytes)
            }
            askEverything(tables)
            throw Undone()
        }
        require(tables.summary == before, "what was undone is still there")
    }

    /// Overwrites one value of one row, then opens the catalogue. Half of the rows are read after further writes.
    static let rows = Target(name: "rows", longestBytes: 512, seeds: { rowSeeds }) { bytes in
        guard bytes.count >= 2, let tables = unsettled else { return }
        let cell = Cell.all[Int(bytes[0]) % Cell.all.count]
        try? tables.transaction {
            tables.database.put(Array(bytes.dropFirst(2)), in: cell, row: Int(bytes[1] & 127))
            tables.forget()
            tables.summary = try tables.readSummary()
            if bytes[1] > 127 {
                for record in Sample.records + further { try? tables.append(record, record.encoded) }
            }
            askEverything(tables)
            throw Undone()
        }
        tables.forget()
    }
}

private struct Undone: Error {}

nonisolated(unsafe) private let inMemory: Tables? = try? filled()

/// With some ids only in the journal.
nonisolated(unsafe) private let unsettled: Tables? = try? filled(
    further: [partly, Sample.records[7], further[0]])

private func filled(further: [Record] = []) throws -> Tables {
    let tables = try Tables(path: ":memory:", durable: false)
    try tables.transaction {
        for record in Sample.records.dropLast(3) { try tables.append(record, record.encoded) }
        try tables.settle()
        for record in further { try tables.append(record, record.encoded) }
    }
    return tables
}

extension Tables {
    /// Drops the ids in memory, as after opening.
    fileprivate func forget() { (recent, settledKeys) = (nil, nil) }
}

private let partly = Record.holding(Holding([Sample.digest(1)], in: BitSet([0]), .part(BitSet([1]))))

/// A second content and name.
private let further: [Record] = [
    .content(Sample.digest(2), Sample.manifest, stores: BitSet([0])),
    .entry(NamedEntry(Sample.name("/d/g"), Entry(.file(Sample.digest(2)), mode: 0o600, mtime: Sample.time))),
    .holding(Holding([Sample.digest(1), Sample.digest(2)], in: BitSet([0]), .part(BitSet([1])))),
    .wish(CopiesRequest([Sample.digest(2)], names: [Sample.name("/d")], .everywhere)),
    .holding(Holding([Sample.digest(1), Sample.digest(2)], in: BitSet([0]), .nothing)), .left(BitSet([0])),
]

private func askEverything(_ tables: Tables) {
    for name in [Name.root, Sample.name("/d"), Sample.name("/d/f")] {
        _ = try? tables.entry(name)
        _ = try? tables.children(of: name, after: nil, limit: 10)
        _ = try? tables.below(name, after: nil, limit: 10)
        _ = try? tables.isEverywhere(name)
    }
    for id in Sample.contents {
        _ = try? tables.copied(id)
        _ = try? tables.names(of: id)
    }
    _ = try? tables.settle()
    for store in [0, 1, 70] { _ = try? tables.holdings(of: store, after: nil, limit: 10) }
    _ = try? tables.stores()
    _ = try? tables.everywhere(after: nil, limit: 10)
    _ = try? tables.lacking(from: 0, limit: 10, among: BitSet([0, 1]))
    if case .records(let delta) = try? tables.delta(after: .empty, limitBytes: 1 << 20) { _ = delta.encoded }
}

// MARK: rows

private struct Cell {
    let table: String
    let column: String
    var isNumber = false

    static let all =
        [
            ("journal", "record"), ("standing", "system"), ("stores", "info"), ("entries", "name"), ("contents", "id"),
            ("contents", "complete"), ("parts", "chunks"), ("everywhere", "name"),
        ].map { Cell(table: $0, column: $1) }
        + [
            ("journal", "state"), ("journal", "digest"), ("standing", "state"), ("standing", "digest"),
            ("standing", "entries"), ("standing", "contents"), ("standing", "chunks"), ("standing", "bytes"),
            ("standing", "settled"), ("stores", "number"), ("stores", "left"), ("entries", "born"),
            ("entries", "ended"), ("uses", "content"), ("uses", "born"), ("contents", "number"), ("contents", "born"),
            ("contents", "size"),
            ("contents", "chunks"), ("contents", "copies"), ("ids", "key"), ("ids", "content"), ("chunks", "key"),
            ("parts", "content"), ("parts", "store"),
        ].map { Cell(table: $0, column: $1, isNumber: true) }
}

extension Database {
    /// Integers take the first eight of `bytes`.
    fileprivate func put(_ bytes: [UInt8], in cell: Cell, row: Int) {
        let word = bytes.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        let value = cell.isNumber ? SQLValue.integer(word) : SQLValue.blob(bytes)
        let count = (try? first("SELECT count(*) FROM \(cell.table)") { Int($0.integer(0)) }) ?? 1
        // SQLite rejects duplicate keys; nothing then changes.
        let key = cell.table == "stores" || cell.table == "contents" ? "number" : "rowid"
        let isKeyed = !["entries", "uses", "ids", "parts", "everywhere"].contains(cell.table)
        let one = "SELECT \(key) FROM \(cell.table) LIMIT 1 OFFSET \(row % max(1, count))"
        let place = isKeyed ? " WHERE \(key) = (\(one))" : ""
        try? run("UPDATE \(cell.table) SET \(cell.column) = ?\(place)", value)
    }
}

// MARK: seeds

private let catalogueSeeds: [[UInt8]] = {
    func runs(_ records: [Record]) -> [UInt8] {
        var writer = ByteWriter()
        for record in records { writer.run(record.encoded) }
        return writer.bytes
    }
    return (Sample.records + further).map { runs([$0]) } + [runs(further), runs(Sample.records)]
        + further.flatMap { record in
            Hostile.forms(of: record.encoded).map { form in
                var writer = ByteWriter()
                writer.run(form)
                return writer.bytes
            }
        }
}()

private let rowSeeds: [[UInt8]] = {
    let numbers: [UInt64] = [.max, 1 << 63, 1 << 63 - 1, 1 << 31, 0, 7]
    let words = numbers.map { number in withUnsafeBytes(of: number.littleEndian) { Array($0) } }
    let sets = [BitSet([63, 4_000]).encoded, BitSet([3]).encoded]
    let blobs = sets + [[], [255, 255, 255, 255], Sample.store.encoded, Sample.records[2].encoded]
    return Cell.all.indices.flatMap { index in
        (Cell.all[index].isNumber ? words : blobs).flatMap { value in
            [0, 2, 128, 130].map { [UInt8(index), $0] + value }
        }
    }
}()
