// Paged listings of a store, of the catalogue replica, and of all entries below a name.

import DaftCatalogue
import DaftModel

/// A listing in key order; each page starts after the last key of the one before.
struct Pages<Item: Sendable, Key: Sendable> {
    private let key: (Item) -> Key
    private let load: (Key?) async throws(Failure) -> [Item]
    private var last: Key?

    init(by key: @escaping (Item) -> Key, _ load: @escaping (Key?) async throws(Failure) -> [Item]) {
        self.key = key
        self.load = load
    }

    /// Nil after the last page.
    mutating func next() async throws(Failure) -> [Item]? {
        let page = try await load(last)
        guard let end = page.last else { return nil }
        last = key(end)
        return page
    }
}

extension Station {
    private static let page = 1_000

    /// Pages read on a worker thread.
    func pages<Item: Sendable, Key: Sendable>(
        by key: @escaping (Item) -> Key, _ load: @escaping @Sendable (Key?) throws(Failure) -> [Item]
    ) -> Pages<Item, Key> {
        Pages(by: key) { [self] (last) async throws(Failure) in
            try await work { () throws(Failure) in try load(last) }
        }
    }

    /// Entries directly below a name in this replica; nil if it is no directory. Blocks.
    public func entries(in name: Name, atMost limit: Int) throws(Failure) -> [NamedEntry]? {
        try catalogue.entries(of: name, after: nil, limit: limit)?.map { NamedEntry($0.name, $0.attributes.entry) }
    }

    /// Passes the entry of a name, if any, and all below it to `body`; stops when the task is cancelled.
    func eachEntry(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        let catalogue = catalogue
        let root = try await work { () throws(Failure) in try catalogue.entry(name) }
        if let root { try await body([NamedEntry(name, root)]) }
        try await eachPage(below: name, body)
    }

    /// Total size of these files except contents in `lacking`.
    func bytes(of page: [NamedEntry], lacking: Set<ContentID> = []) async throws(Failure) -> Int64 {
        let contents = page.compactMap(\.entry.content).filter { !lacking.contains($0) }
        let catalogue = catalogue
        return try await work { () throws(Failure) in
            try catalogue.snapshot { (snapshot) throws(Failure) in
                var sum: Int64 = 0
                for content in contents { sum += try snapshot.size(of: content)?.bytes ?? 0 }
                return sum
            }
        }
    }

    /// Everything below a name.
    func eachPage(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        var pages = pages(by: \.name) { [catalogue] last throws(Failure) in
            try catalogue.below(name, after: last, limit: Station.page)
        }
        while !Task.isCancelled, let page = try await pages.next() { try await body(page) }
    }
}
