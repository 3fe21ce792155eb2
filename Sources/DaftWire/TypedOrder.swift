// An order with the type of its answer, for the sender: the wire format has only orders and outcomes.

import DaftModel

public struct TypedOrder<Answer: Sendable>: Sendable {
    public let order: Order
    /// Nil for an outcome of another kind of order or of another size than ordered.
    public let answer: @Sendable (Outcome) -> Answer?

    private init(_ order: Order, _ answer: @escaping @Sendable (Outcome) -> Answer?) {
        self.order = order
        self.answer = answer
    }
}

/// One answer for each file, in order, and the bytes that crossed the link for them.
extension TypedOrder<(files: [Ingested], moved: Int64)> {
    public static func ingest(_ ingest: Ingest) -> Self {
        Self(.ingest(ingest)) { outcome in
            guard case .ingested(let files, let moved) = outcome, files.count == ingest.files.count,
                zip(ingest.files, files).allSatisfy({ $0.fits($1) })
            else { return nil }
            return (files, moved)
        }
    }
}

extension TypedOrder<Placed> {
    public static func place(_ entries: [NamedEntry]) -> Self { placed(.place(entries)) }
    public static func settle(_ parts: [Settled]) -> Self { placed(.settle(parts)) }
    public static func discard(_ contents: [ContentID]) -> Self { placed(.discard(contents)) }
    public static func note(_ entries: [NamedEntry]) -> Self { placed(.note(entries)) }
    public static func writeOut(_ order: WriteOut) -> Self { placed(.writeOut(order)) }
    public static func remember(_ sources: [KnownSource]) -> Self { placed(.remember(sources)) }

    public static func restore(_ entries: [NamedEntry]) -> Self {
        Self(.restore(entries)) {
            if case .restored(let failures, let warnings) = $0 { Placed(failures, warnings: warnings) } else { nil }
        }
    }

    private static func placed(_ order: Order) -> Self {
        Self(order) { if case .placed(let failures) = $0 { Placed(failures) } else { nil } }
    }
}

extension TypedOrder<Fetched> {
    public static func fetch(_ fetch: Fetch) -> Self { fetched(.fetch(fetch)) }
    public static func replicate(_ replicate: Replicate) -> Self { fetched(.replicate(replicate)) }

    private static func fetched(_ order: Order) -> Self {
        Self(order) { if case .fetched(let fetched) = $0 { fetched } else { nil } }
    }
}

extension TypedOrder<Verified> {
    public static func verify(below names: [Name], state: State) -> Self {
        Self(.verify(below: names, state: state)) { if case .verified(let verified) = $0 { verified } else { nil } }
    }
}

extension TypedOrder<Repaired> {
    public static func repair(below names: [Name]) -> Self { repaired(.repair(below: names)) }
    public static func leave(store: Int) -> Self { repaired(.leave(store: store)) }

    private static func repaired(_ order: Order) -> Self {
        Self(order) { if case .repaired(let repaired) = $0 { repaired } else { nil } }
    }
}

extension TypedOrder<Collected> {
    public static func collect(_ collect: Collect) -> Self {
        Self(.collect(collect)) { if case .collected(let collected) = $0 { collected } else { nil } }
    }
}

extension TypedOrder<[SourceLookup]> {
    /// One answer for each file, in order.
    public static func recognise(_ files: [SourceIdentity]) -> Self {
        Self(.recognise(files)) {
            if case .recognised(let found) = $0, found.count == files.count { found } else { nil }
        }
    }
}

extension TypedOrder<BitSet> {
    public static func inspect(_ entries: [NamedEntry]) -> Self {
        Self(.inspect(entries)) { if case .inspected(let positions) = $0 { positions } else { nil } }
    }
}

/// Failures of a settle, place, discard, note, writeOut, remember or restore.
public struct Placed: Hashable, Sendable {
    public let failures: [Failure]
    /// Files that a restore moved aside.
    public let warnings: [Failure]

    public init(_ failures: [Failure], warnings: [Failure] = []) {
        self.failures = failures
        self.warnings = warnings
    }
}

extension IngestFile {
    fileprivate func fits(_ result: Ingested) -> Bool {
        switch result {
        case .whole: !isPart
        case .part(let ids): isPart && ids.count == span.count
        case .failed: true
        }
    }
}
