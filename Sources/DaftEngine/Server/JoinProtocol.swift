// How a data server joins.
//
//   1. Send hello with the store's state; the metadata server assigns a store number.
//   2. Catch up with the catalogue by delta; a replica that has forked is replaced.
//   3. Compare the digest of the store's inventory with the catalogue's. Equal: done.
//   4. Otherwise compare them entry by entry and report the differences.
//   5. Check the names placed here: republish those unknown to the catalogue, from the store's own records, and set
//      aside those that conflict with later publications.
//   6. Report that it has joined, with the problems found.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftWire

struct JoinProtocol: Sendable {
    private static let page = 1_000
    private static let published = 100

    private let station: Station
    private let store: Store

    init(_ station: Station, _ store: Store) {
        self.station = station
        self.store = store
    }

    func run() async throws(Failure) {
        let info = StoreInfo(id: store.id, host: station.settings.host, path: store.directory)
        let catalogue = station.catalogue
        let hello = Hello(store: info, head: catalogue.head, system: catalogue.system)
        let reply = try await station.ask(
            .hello(hello), at: .metadataServer,
            timeoutMilliseconds: station.settings.agreementMilliseconds + station.settings.callMilliseconds)
        guard case .welcome(let number, let head) = reply else {
            throw station.unexpected(reply, from: .metadataServer)
        }
        station.number = number
        let mayBeBehind = try await isContinued(to: head)
        // A forked replica may be at a later state; only a request shows that.
        try await station.catchUp(to: mayBeBehind ? head.state : nil)
        let changed = store.takeChanged().map { $0.at(station.settings.host) }
        let troubles = try await changed + reconcile(number, everyName: !mayBeBehind)
        _ = try await station.ask(.joined(troubles), at: .metadataServer)
    }

    /// Whether the metadata server's journal continues this replica; false for an empty replica.
    private func isContinued(to head: Head) async throws(Failure) -> Bool {
        let own = station.catalogue.head
        if own == .empty { return false }
        if own == head { return true }
        let reply = try await station.ask(.delta(after: own), at: .metadataServer)
        return reply != .forked
    }

    private func reconcile(_ number: Int, everyName: Bool) async throws(Failure) -> [Failure] {
        let catalogue = station.catalogue
        let store = store
        let isSame = try await station.work { () throws(Failure) in
            try store.inventory == catalogue.inventory(of: number)
        }
        if !isSame { try await reportHoldings(number) }
        if isSame, !everyName { return [] }
        let before = catalogue.head
        let troubles = try await reviewNames(number) + reviewNotes(number)
        // Other stores may have published the same contents meanwhile, without this store's holdings.
        if catalogue.head != before { try await reportHoldings(number) }
        return troubles
    }

    // MARK: holdings

    /// Makes the catalogue's holdings of this store match the store, for contents that the catalogue knows. Other
    /// contents are republished with their names; contents without a name are left from an interrupted run and wait for
    /// its retry.
    private func reportHoldings(_ number: Int) async throws(Failure) {
        let catalogue = station.catalogue
        var kept = PagedIterator(
            station.pages(by: \.content) { [store] last throws(Failure) in
                try store.kept(after: last, limit: JoinProtocol.page)
            })
        var listed = PagedIterator(
            station.pages(by: \.content) { last throws(Failure) in
                try catalogue.holdings(of: number, after: last, limit: JoinProtocol.page)
            })
        var changes: [Holding] = []
        while true {
            let (here, there) = (try await kept.first(), try await listed.first())
            guard let content = [here?.content, there?.content].compactMap({ $0 }).min() else { break }
            let extent = here?.content == content ? here?.extent : nil
            let listedExtent = there?.content == content ? there?.extent : nil
            if extent != nil { kept.drop() }
            if listedExtent != nil { listed.drop() }
            if extent == listedExtent { continue }
            if try await isKnown(content) {
                changes.append(Holding([content], in: BitSet([number]), extent ?? .nothing))
            }
            if changes.count >= JoinProtocol.page { try await send(&changes) }
        }
        try await send(&changes)
    }

    private func send(_ changes: inout [Holding]) async throws(Failure) {
        defer { changes = [] }
        if changes.isEmpty { return }
        let (store, reported) = (store, changes)
        // A rejoining server may have orders under way: include what they have just stored.
        let now = try await station.work { () throws(Failure) in
            var now: [Holding] = []
            for one in reported {
                for content in one.contents {
                    now.append(Holding([content], in: one.stores, try store.extent(of: content)))
                }
            }
            return now
        }
        _ = try await station.ask(.hold(now), at: .metadataServer)
    }

    private func isKnown(_ content: ContentID) async throws(Failure) -> Bool {
        let catalogue = station.catalogue
        return try await station.work { () throws(Failure) in try catalogue.size(of: content) != nil }
    }

    // MARK: names

    /// Republishes names that the catalogue does not know and sets aside files that conflict with it. Nothing is
    /// deleted.
    private func reviewNames(_ number: Int) async throws(Failure) -> [Failure] {
        let (store, catalogue) = (store, station.catalogue)
        var clashing: [NamedEntry] = []
        var pages = station.pages(by: \.name) { last throws(Failure) in
            try store.named(after: last, limit: JoinProtocol.page)
        }
        while let page = try await pages.next() {
            let sorted = try await station.work { () throws(Failure) in
                var (unknown, clashing): ([NamedEntry], [NamedEntry]) = ([], [])
                for named in page {
                    guard let published = try catalogue.entry(named.name) else {
                        unknown.append(named)
                        continue
                    }
                    if !published.admits(named.entry) { clashing.append(named) }
                }
                return (unknown, clashing)
            }
            clashing += sorted.1
            clashing += try await publishAgain(sorted.0, number)
        }
        return try await setAside(clashing)
    }

    /// Likewise for names of contents kept in part, for which there are no files.
    private func reviewNotes(_ number: Int) async throws(Failure) -> [Failure] {
        let (store, catalogue, host) = (store, station.catalogue, station.settings.host)
        var clashing: [NamedEntry] = []
        var pages = station.pages(by: \.name) { last throws(Failure) in
            try store.noted(after: last, limit: JoinProtocol.page)
        }
        while let page = try await pages.next() {
            let unknown = try await station.work { () throws(Failure) in
                var unknown: [NamedEntry] = []
                for named in page where try catalogue.entry(named.name)?.admits(named.entry) != true {
                    unknown.append(named)
                }
                return unknown
            }
            clashing += try await publishAgain(unknown, number)
        }
        let names = clashing.map(\.name)
        try await station.work { () throws(Failure) in try store.forgetNotes(names) }
        return names.map {
            Failure(
                .taken, $0, node: host,
                "something else was published under it meanwhile; the part kept here is of no use")
        }
    }

    /// Returns the refused entries.
    private func publishAgain(_ entries: [NamedEntry], _ number: Int) async throws(Failure) -> [NamedEntry] {
        var refused: [NamedEntry] = []
        for start in stride(from: 0, to: entries.count, by: JoinProtocol.published) {
            let some = Array(entries[start..<min(entries.count, start + JoinProtocol.published)])
            let publication = Publication(entries: some, contents: try await contents(of: some, number))
            let reply = try await station.ask(.publish(publication), at: .metadataServer)
            guard case .published(let state, let verdicts) = reply, verdicts.count == some.count else {
                throw station.unexpected(reply, from: .metadataServer)
            }
            try await station.catchUp(to: state)
            for case (let named, .refused) in zip(some, verdicts) { refused.append(named) }
        }
        return refused
    }

    private func contents(of entries: [NamedEntry], _ number: Int) async throws(Failure) -> [KeptContent] {
        let store = store
        return try await station.work { () throws(Failure) in
            var kept: [KeptContent] = []
            for content in Set(entries.compactMap(\.entry.content)).sorted() {
                guard let manifest = try store.manifest(of: content) else { continue }
                let extent = StoreExtent(store: number, try store.extent(of: content))
                kept.append(KeptContent(id: content, manifest: manifest, holdings: [extent]))
            }
            return kept
        }
    }

    /// In descending order, so that a directory is empty when its turn comes.
    private func setAside(_ clashing: [NamedEntry]) async throws(Failure) -> [Failure] {
        let (store, host) = (store, station.settings.host)
        return try await station.work { () throws(Failure) in
            var troubles: [Failure] = []
            for named in clashing.sorted(by: { $1.name < $0.name }) {
                let place = try store.setAside(named.name)
                let why = "something else was published under it meanwhile; what stood here is now"
                troubles.append(Failure(.taken, named.name, node: host, "\(why) \(shown(place))"))
            }
            return troubles
        }
    }
}

/// An iterator over single items of a paged listing.
private struct PagedIterator<Item: Sendable, Key: Sendable> {
    private var pages: Pages<Item, Key>
    private var items: ArraySlice<Item> = []
    private var isOver = false

    init(_ pages: Pages<Item, Key>) { self.pages = pages }

    mutating func first() async throws(Failure) -> Item? {
        if items.isEmpty, !isOver {
            items = try await pages.next()?[...] ?? []
            isOver = items.isEmpty
        }
        return items.first
    }

    mutating func drop() { items.removeFirst() }
}
