// Read connections, so that readers wait neither for commits nor for each other. A query sees the state committed when
// it began.

import DaftModel
import DaftSQL
import Synchronization

/// The summary that the writing connection publishes to readers.
final class PublishedSummary: Sendable {
    private let summary: Mutex<CatalogueSummary>
    private let onCommit = Mutex<(@Sendable () -> Void)?>(nil)
    /// The number of resets, incremented before and after each.
    let resets = Atomic<Int>(0)

    init(_ summary: CatalogueSummary) { self.summary = Mutex(summary) }

    var value: CatalogueSummary { summary.withLock { $0 } }
    var head: Head { summary.withLock { $0.head } }

    func update(_ new: CatalogueSummary) {
        let hasMoved = summary.withLock { summary in
            let hasMoved = summary.head != new.head
            if hasMoved || summary.settled != new.settled { summary = new }
            return hasMoved
        }
        if hasMoved { onCommit.withLock { $0 }?() }
    }

    func onCommit(_ body: @escaping @Sendable () -> Void) { onCommit.withLock { $0 = body } }
}

/// One read connection. Not thread-safe.
final class CatalogueReader: @unchecked Sendable {
    private static let cacheBytes = 8 << 20

    private let tables: Tables
    /// Contents from `settled` to `known` have their ids in `tables.recent`, older ones in the tables.
    private var settled = 0
    private var known = 0
    private var resets = -1

    init(_ path: String) throws {
        tables = try Tables(readerOf: path, cacheBytes: CatalogueReader.cacheBytes)
    }

    /// `resets` is the number of catalogue resets.
    func ask<T>(_ resets: borrowing Atomic<Int>, _ question: (Tables) throws -> T) throws -> T {
        try tables.database.reading {
            try refresh(resets)
            return try question(tables)
        }
    }

    /// Updates the summary and the ids that are not in tables to the query's state.
    private func refresh(_ counter: borrowing Atomic<Int>) throws {
        let database = tables.database
        var seen = CatalogueSummary()
        try database.run("SELECT state, digest, settled, contents FROM standing") { row in
            seen.head = Head(state: row.word(0), digest: row.word(1))
            (seen.settled, seen.contents) = (Int(row.integer(2)), Int(row.integer(3)))
        }
        // Read after the state is fixed, so that any reset visible in it has been counted.
        let resets = counter.load(ordering: .acquiring)
        if resets == self.resets, seen.head == tables.summary.head, seen.settled == settled { return }
        if resets != self.resets || seen.settled != settled {
            tables.recent = UnsettledIDs()
            (settled, known, self.resets) = (seen.settled, seen.settled, resets)
        }
        let stores = try database.first("SELECT max(number) FROM stores") { $0.isNull(0) ? 0 : Int($0.integer(0)) + 1 }
        seen.inventories = [UInt64](repeating: 0, count: stores ?? 0)
        tables.summary = seen
        try database.run("SELECT number, id FROM contents WHERE number >= ? ORDER BY number", .integer(known)) {
            guard $0.integer(0) == known else { throw tables.damaged }
            tables.recent?.contents[try ContentID(decoding: $0.bytes(1))] = known
            known += 1
        }
    }
}

/// A pool of idle connections; one is opened whenever none is idle.
final class ReaderPool: Sendable {
    private static let kept = 8
    private struct State {
        var free: [CatalogueReader] = []
        var isClosed = false
    }

    private let path: String
    private let state = Mutex(State())

    init(_ path: String) { self.path = path }

    func with<T>(_ body: (CatalogueReader) throws -> T) throws -> T {
        let free = try state.withLock { (state) throws(Failure) in
            if state.isClosed { throw Tables.closed(path) }
            return state.free.popLast()
        }
        let reader = try free ?? CatalogueReader(path)
        defer {
            state.withLock { if !$0.isClosed, $0.free.count < ReaderPool.kept { $0.free.append(reader) } }
        }
        return try body(reader)
    }

    /// Connections in use are closed after their query.
    func close() { state.withLock { ($0.free, $0.isClosed) = ([], true) } }
}
