// Listings that are gone through page by page: of a store, of this rank's copy of the catalogue, and of all that is
// published below a name.

import DaftCatalogue
import DaftModel

/// A listing in the order of its keys; each page is what comes behind the last key of the one before it.
struct Pages<Item: Sendable, Key: Sendable> {
    private let key: (Item) -> Key
    private let load: (Key?) async throws(Failure) -> [Item]
    private var last: Key?

    init(by key: @escaping (Item) -> Key, _ load: @escaping (Key?) async throws(Failure) -> [Item]) {
        self.key = key
        self.load = load
    }

    /// Nil behind the last page.
    mutating func next() async throws(Failure) -> [Item]? {
        let page = try await load(last)
        guard let end = page.last else { return nil }
        last = key(end)
        return page
    }
}

extension Station {
    private static let page = 1_000

    /// Pages that are read by a worker.
    func pages<Item: Sendable, Key: Sendable>(
        by key: @escaping (Item) -> Key, _ load: @escaping @Sendable (Key?) throws(Failure) -> [Item]
    ) -> Pages<Item, Key> {
        Pages(by: key) { [self] (last) async throws(Failure) in
            try await work { () throws(Failure) in try load(last) }
        }
    }

    /// Some of what stands directly below a name, as this rank knows it; nil where no directory has the name. Blocks.
    public func entries(in name: Name, atMost limit: Int) throws(Failure) -> [NamedEntry]? {
        try catalogue.entries(of: name, after: nil, limit: limit)?.map { NamedEntry($0.name, $0.attributes.entry) }
    }

    /// The entry of a name, if it has one, and all below it. A cancelled task goes no further.
    func eachEntry(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        let catalogue = catalogue
        let root = try await work { () throws(Failure) in try catalogue.entry(name) }
        if let root { try await body([NamedEntry(name, root)]) }
        try await eachPage(below: name, body)
    }

    /// How large these files are together, but for those whose content is `lacking`.
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

    /// All below a name.
    func eachPage(
        below name: Name, _ body: ([NamedEntry]) async throws(Failure) -> Void
    ) async throws(Failure) {
        var pages = pages(by: \.name) { [catalogue] last throws(Failure) in
            try catalogue.below(name, after: last, limit: Station.page)
        }
        while !Task.isCancelled, let page = try await pages.next() { try await body(page) }
    }
}
