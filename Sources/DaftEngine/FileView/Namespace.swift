// The published files as a view: names from this rank's catalogue replica, bytes from the stores that keep them.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftWire

public struct Namespace: FileView {
    let session: Session
    private let follower: CatalogueFollower?
    var station: Station { session.station }

    /// A view of this rank's replica as it is; callers that need newer state catch up first.
    init(_ session: Session) {
        self.session = session
        follower = nil
    }

    /// A view at most 100 ms behind the metadata server. While the replica is stale, every call throws.
    public init(following station: Station) async throws(Failure) {
        try await self.init(following: station, patienceMilliseconds: CatalogueFollower.patienceMilliseconds)
    }

    init(following station: Station, patienceMilliseconds: Int) async throws(Failure) {
        session = Session(at: station)
        follower =
            station.isMetadataServer
            ? nil : CatalogueFollower(station, patienceMilliseconds: patienceMilliseconds)
        try await follower?.start()
    }

    /// After this, answers reflect the state at the call or later.
    public func refresh() async throws(Failure) { try await station.catchUp() }

    public var version: ViewVersion {
        get async throws(Failure) {
            try follower?.check()
            return ViewVersion(system: station.catalogue.system, state: station.catalogue.head.state)
        }
    }

    public func attributes(of name: Name) async throws(Failure) -> Attributes {
        try follower?.check()
        let (catalogue, cache) = (station.catalogue, station.attributeCache)
        let head = catalogue.head
        if let known = cache[name, at: head] { return known }
        guard let found = try catalogue.attributes(of: name) else {
            throw Failure.notPublished(name)
        }
        if catalogue.head == head { cache.note([DirectoryEntry(name, found)], at: head) }
        return found
    }

    public func entries(
        of directory: Name, after: Name?, limit: Int
    ) async throws(Failure) -> [DirectoryEntry] {
        try follower?.check()
        let (catalogue, head) = (station.catalogue, station.catalogue.head)
        let found = try await station.work { () throws(Failure) in
            try catalogue.entries(of: directory, after: after, limit: limit)
        }
        if let found {
            // A listing is often followed by stat calls; a large directory would evict everything else.
            if after == nil, found.count < limit, catalogue.head == head {
                station.attributeCache.note(found, at: head)
            }
            return found
        }
        let word = try await attributes(of: directory).entry.word
        throw Failure(.failed, directory, "it is a \(word), not a directory")
    }

    public func open(_ name: Name) async throws(Failure) -> any FileReader { try await reader(of: name) }

    public func create(_ name: Name, _ options: CreateOptions) async throws(Failure) -> any FileWriter {
        try await NamespaceWriter(session, name, options)
    }

    func reader(of name: Name) async throws(Failure) -> ContentReader {
        let attributes = try await attributes(of: name)
        let catalogue = station.catalogue
        let wanted = try await station.work { () throws(Failure) in
            try catalogue.snapshot { (snapshot) throws(Failure) in
                try snapshot.wanted(of: NamedEntry(name, attributes.entry))
            }
        }
        guard let wanted else { throw Failure(.failed, name, "it is a \(attributes.entry.word), not a file") }
        return ContentReader(station.readContents.chunks(of: wanted, at: station), attributes, at: station)
    }
}

extension Failure {
    static func notPublished(_ name: Name) -> Failure { Failure(.noSuchName, name, "no such name is published") }
}
