// What the metadata server knows, and each data server's copy of it: a journal of records and the tables it builds,
// in one SQLite database. Applying the same records gives the same catalogue. Calls block, and come from several
// threads: one at a time changes it, and any number ask.

import DaftModel
import DaftSQL
import Synchronization

/// The records after a head, or the answer that the journal does not contain that head.
public enum DeltaAnswer: Sendable {
    case records(Delta)
    case forked
}

public final class Catalogue: Sendable {
    private struct Held: ~Copyable {
        var tables: Tables?
    }

    private let path: String
    private let held: Mutex<Held>
    private let published: PublishedSummary
    /// Nil for a catalogue in memory, which has one connection.
    private let readers: ReaderPool?

    /// Opens the catalogue at `path`, or makes it. `durable`: what is committed survives a loss of power.
    /// `isShared`: whoever is in its group may open it.
    public init(path: String, durable: Bool = false, isShared: Bool = false) throws(Failure) {
        self.path = path
        do {
            let tables = try Tables(path: path, durable: durable, isShared: isShared)
            published = PublishedSummary(tables.standing)
            readers = path == ":memory:" ? nil : ReaderPool(path)
            held = Mutex(Held(tables: tables))
        } catch { throw Tables.failure(error, path) }
    }

    /// How far the journal goes; `.empty` when nothing is in it.
    public var head: Head { published.head }
    /// `body` is called whenever the head has moved, on the thread that moved it.
    public func onCommit(_ body: @escaping @Sendable () -> Void) { published.onCommit(body) }
    /// Whose journal it is.
    public var system: SystemID? { standing.system }
    /// Standing entries, contents, and the sizes of all contents together.
    public func counts() throws(Failure) -> (entries: Int, contents: Int, bytes: Int64) {
        let standing = standing
        return (standing.entries, standing.contents, standing.bytes)
    }

    var standing: CatalogueSummary { published.value }

    /// Every later question fails; the head is still known.
    public func close() {
        readers?.close()
        held.withLock { held in
            guard let tables = held.tables else { return }
            try? tables.transaction { try tables.settle() }  // if not now, then after the next opening
            published.update(tables.standing)
            held.tables = nil
        }
    }

    /// On the metadata server: all the records that `body` appends in one transaction, or none if it throws. `body`
    /// asks its questions of the change it is given, never of the catalogue.
    public func change<T: Sendable>(_ body: (inout Change) throws(Failure) -> T) throws(Failure) -> T {
        try locked { tables in
            try tables.transaction {
                var change = Change(tables)
                return try body(&change)
            }
        }
    }

    /// On a copy: records as the metadata server sent them, following `head`. What does not fit changes nothing.
    public func apply(_ delta: Delta) throws(Failure) {
        try locked { tables in try tables.transaction { try tables.append(delta) } }
    }

    /// The records after `head`, at most `limitBytes` of them but at least one if there is one.
    public func delta(after head: Head, limitBytes: Int) throws(Failure) -> DeltaAnswer {
        try asking { tables in try tables.delta(after: head, limitBytes: limitBytes) }
    }

    /// Forgets everything, before another journal is taken.
    public func reset() throws(Failure) {
        published.resets.add(1, ordering: .releasing)
        defer { published.resets.add(1, ordering: .releasing) }
        try locked { tables in try tables.reset() }
    }

    func locked<T: Sendable>(_ body: (Tables) throws -> T) throws(Failure) -> T {
        let result: Result<T, Failure> = held.withLock { held in
            guard let tables = held.tables else {
                return .failure(Tables.closed(path))
            }
            defer { published.update(tables.standing) }
            do { return .success(try body(tables)) } catch { return .failure(Tables.failure(error, path)) }
        }
        return try result.get()
    }

    /// A question of what is committed.
    func asking<T: Sendable>(_ question: (Tables) throws -> T) throws(Failure) -> T {
        guard let readers else { return try locked(question) }
        do {
            return try readers.with { try $0.ask(published.resets, question) }
        } catch {
            throw Tables.failure(error, path)
        }
    }
}
