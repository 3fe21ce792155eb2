// A data server's start.
//
//   1. Say hello with what it has; the metadata server gives its store a number.
//   2. Catch up with the catalogue, by delta; a copy that parted from the metadata server's journal is taken anew.
//   3. Compare the digest of what the store keeps with that of what the catalogue says it keeps. Equal: done.
//   4. Else go through both side by side: report what is kept otherwise, publish again what the catalogue does not know
//      from the store's own record of it, and keep aside what clashes with a name published meanwhile.
//   5. Say that it has joined, with what it found wrong.

import DaftCatalogue
import DaftCore
import DaftLink
import DaftStore

struct Joining: Sendable {
    private static let page = 1_000

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
            timeoutMilliseconds: station.settings.gatherMilliseconds + station.settings.callMilliseconds)
        guard case .welcome(let number, let head) = reply else {
            throw station.unexpected(reply, from: .metadataServer)
        }
        station.number = number
        let isOurs = try await isContinued(to: head)
        try await station.catchUp(to: head.state)
        let troubles = try await reconcile(number, everyName: !isOurs)
        _ = try await station.ask(.joined(troubles), at: .metadataServer)
    }

    /// Whether the metadata server's journal goes on where this copy ends.
    private func isContinued(to head: Head) async throws(Failure) -> Bool {
        let own = station.catalogue.head
        if own == .empty || own == head { return true }
        let reply = try await station.ask(.delta(after: own), at: .metadataServer)
        return reply != .forked
    }

    private func reconcile(_ number: Int, everyName: Bool) async throws(Failure) -> [Failure] {
        let catalogue = station.catalogue
        let store = store
        let isSame = try await station.work { () throws(Failure) in
            try store.inventory == catalogue.inventory(of: number)
        }
        if isSame, !everyName { return [] }
        var troubles = try await adopt(try await reportHoldings(number), number)
        troubles += try await asideClashes()
        return troubles
    }

    // MARK: holdings

    /// Brings the catalogue's holdings of this store in line with the store, and gives back the contents that the
    /// catalogue does not know.
    private func reportHoldings(_ number: Int) async throws(Failure) -> [ContentID] {
        var kept = Pages<ContentID, Extent> { [station, store] (after) async throws(Failure) in
            try await station.work { () throws(Failure) in
                try store.kept(after: after, limit: Joining.page).map { ($0.content, $0.extent) }
            }
        }
        var told = Pages<ContentID, Extent> { [station] (after) async throws(Failure) in
            let catalogue = station.catalogue
            return try await station.work { () throws(Failure) in
                try catalogue.holdings(of: number, after: after, limit: Joining.page).map { ($0.content, $0.extent) }
            }
        }
        var unknown: [ContentID] = []
        var changes: [Holding] = []
        while true {
            let (here, there) = (try await kept.first(), try await told.first())
            guard let content = [here?.0, there?.0].compactMap({ $0 }).min() else { break }
            let extent = here?.0 == content ? here?.1 : nil
            let said = there?.0 == content ? there?.1 : nil
            if extent != nil { kept.drop() }
            if said != nil { told.drop() }
            if extent == said { continue }
            if try await isKnown(content) {
                changes.append(Holding([content], in: BitSet([number]), extent ?? .nothing))
            } else {
                unknown.append(content)
            }
            if changes.count >= Joining.page { try await send(&changes) }
        }
        try await send(&changes)
        return unknown
    }

    private func send(_ changes: inout [Holding]) async throws(Failure) {
        if !changes.isEmpty { _ = try await station.ask(.hold(changes), at: .metadataServer) }
        changes = []
    }

    private func isKnown(_ content: ContentID) async throws(Failure) -> Bool {
        let catalogue = station.catalogue
        return try await station.work { () throws(Failure) in try catalogue.size(of: content) != nil }
    }

    // MARK: names

    /// Publishes again what this store keeps under names and the catalogue does not know.
    private func adopt(_ contents: [ContentID], _ number: Int) async throws(Failure) -> [Failure] {
        var troubles: [Failure] = []
        for start in stride(from: 0, to: contents.count, by: 100) {
            let some = Array(contents[start..<min(contents.count, start + 100)])
            let publication = try await publication(of: some, number)
            if publication.entries.isEmpty { continue }
            let reply = try await station.ask(.publish(publication), at: .metadataServer)
            guard case .published(let state, let verdicts) = reply else {
                throw station.unexpected(reply, from: .metadataServer)
            }
            try await station.catchUp(to: state)
            for case .refused(let failure) in verdicts { troubles.append(failure) }
        }
        return troubles
    }

    private func publication(of contents: [ContentID], _ number: Int) async throws(Failure) -> Publication {
        let store = store
        return try await station.work { () throws(Failure) in
            var entries: [NamedEntry] = []
            var kept: [KeptContent] = []
            for content in contents {
                guard let manifest = try store.manifest(of: content) else { continue }
                let names = try store.names(of: content)
                // Without a name it is what an interrupted run left behind: it waits there for that run's return.
                if names.isEmpty { continue }
                for name in names {
                    if let entry = try store.entry(name) { entries.append(NamedEntry(name, entry)) }
                }
                let extent = StoreExtent(store: number, try store.extent(of: content))
                kept.append(KeptContent(id: content, manifest: manifest, holdings: [extent]))
            }
            return Publication(entries: entries, contents: kept)
        }
    }

    /// Names that show here what is not published under them are moved out of the way; nothing is thrown away.
    private func asideClashes() async throws(Failure) -> [Failure] {
        var troubles: [Failure] = []
        var last: Name?
        while true {
            let after = last
            let (store, catalogue, host) = (store, station.catalogue, station.settings.host)
            let page = try await station.work { () throws(Failure) in
                try store.named(after: after, limit: Joining.page)
            }
            guard let end = page.last else { return troubles }
            troubles += try await station.work { () throws(Failure) in
                var moved: [Failure] = []
                for named in page where !named.entry.isDirectory {
                    guard let published = try catalogue.entry(named.name), !published.admits(named.entry) else {
                        continue
                    }
                    let place = try store.setAside(named.name)
                    moved.append(
                        Failure(
                            .taken, named.name, node: host,
                            "something else was published under it meanwhile; what stood here is now \(shown(place))"
                        ))
                }
                return moved
            }
            last = end.name
        }
    }
}

/// A sorted listing that comes in pages, seen one item at a time.
private struct Pages<Key: Sendable, Value: Sendable> {
    private let load: (Key?) async throws(Failure) -> [(Key, Value)]
    private var items: ArraySlice<(Key, Value)> = []
    private var last: Key?
    private var isOver = false

    init(_ load: @escaping (Key?) async throws(Failure) -> [(Key, Value)]) { self.load = load }

    mutating func first() async throws(Failure) -> (Key, Value)? {
        if items.isEmpty, !isOver {
            items = try await load(last)[...]
            isOver = items.isEmpty
        }
        return items.first
    }

    mutating func drop() { last = items.removeFirst().0 }
}
