// The catalogue of the metadata server and its replicas: a journal of records and the tables derived from it, in one
// SQLite database. The same records give the same catalogue. Calls block and are thread-safe: one writer at a time, any
// number of readers.

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
    /// Nil for a catalogue in memory, which has a single connection.
    private let readers: ReaderPool?

    /// Opens or creates the catalogue at `path`. `durable`: commits survive a power loss. `isShared`: the directory's
    /// group may open it.
    public init(path: String, durable: Bool = false, isShared: Bool = false) throws(Failure) {
        self.path = path
        do {
            let tables = try Tables(path: path, durable: durable, isShared: isShared)
            published = PublishedSummary(tables.summary)
            readers = path == ":memory:" ? nil : ReaderPool(path)
            held = Mutex(Held(tables: tables))
        } catch { throw Tables.failure(error, path) }
    }

    /// The head of the journal; `.empty` if there are no records.
    public var head: Head { published.head }
    /// Called after every change of the head, on the writing thread.
    public func onCommit(_ body: @escaping @Sendable () -> Void) { published.onCommit(body) }
    /// The system that the journal belongs to.
    public var system: SystemID? { summary.system }
    /// The number of entries and contents, and the total size of all contents.
    public func counts() throws(Failure) -> (entries: Int, contents: Int, bytes: Int64) {
        let summary = summary
        return (summary.entries, summary.contents, summary.bytes)
    }

    var summary: CatalogueSummary { published.value }

    /// Later queries fail; the head stays known.
    public func close() {
        readers?.close()
        held.withLock { held in
            guard let tables = held.tables else { return }
            try? tables.transaction { try tables.settle() }  // if not now, then after the next opening
            published.update(tables.summary)
            held.tables = nil
        }
    }

    /// On the metadata server: commits the records that `body` appends in one transaction, or none if it throws. `body`
    /// must query the change, not the catalogue.
    public func change<T: Sendable>(_ body: (inout Change) throws(Failure) -> T) throws(Failure) -> T {
        try locked { tables in
            try tables.transaction {
                var change = Change(tables)
                return try body(&change)
            }
        }
    }

    /// On a replica: applies records that follow `head`. Invalid records change nothing.
    public func apply(_ delta: Delta) throws(Failure) {
        try locked { tables in try tables.transaction { try tables.append(delta) } }
    }

    /// Records after `head`: at least one if there is any, beyond that at most `limitBytes`.
    public func delta(after head: Head, limitBytes: Int) throws(Failure) -> DeltaAnswer {
        try asking { tables in try tables.delta(after: head, limitBytes: limitBytes) }
    }

    /// Deletes everything, before another journal is adopted.
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
            defer { published.update(tables.summary) }
            do { return .success(try body(tables)) } catch { return .failure(Tables.failure(error, path)) }
        }
        return try result.get()
    }

    /// Queries the committed state.
    func asking<T: Sendable>(_ question: (Tables) throws -> T) throws(Failure) -> T {
        guard let readers else { return try locked(question) }
        do {
            return try readers.with { try $0.ask(published.resets, question) }
        } catch {
            throw Tables.failure(error, path)
        }
    }
}
