// The state of one rank: link, threads, memory, catalogue and, on a data server, the store. Verbs and gateways run at a
// station.

import DaftCatalogue
import DaftLink
import DaftModel
import DaftStore
import DaftTrust
import DaftWire
import Glibc
import Synchronization

public final class Station: Sendable {
    public let settings: Settings
    public let link: any Link
    public let catalogue: Catalogue
    public let store: Store?
    let workers: Workers
    let digesting: HashQueue
    /// Limits workers that read large files for a chain, so that some stay free to relay while a slow filesystem is
    /// read.
    let reading: AsyncSemaphore
    /// Memory for bytes received and bytes sent. In a single pool, two ranks that load from each other could deadlock.
    let intake: SlabPool
    let outlet: SlabPool
    let offers: OfferTable
    let roster = Roster()
    /// Stores of other ranks on this node that this process has open; read without the link.
    let neighbours = Mutex<[Rank: Store]>([:])
    let contentLocks = ContentLocks()
    /// Parts, by key, and then contents, of which this store keeps more than the publishing command has ingested:
    /// another command ingested the rest.
    let keepsMore = Mutex<Set<Digest>>([])
    let readContents = ReadContents()
    let attributeCache = AttributeCache()
    let relay: Relay
    let chainChunkIDs: ChainChunkIDs
    public let underWay: ActiveCommands
    let counter = TrafficCounter()
    /// Private directory of this rank's user: beside the catalogue, or in the store.
    let privateDirectory: [UInt8]
    /// A warning about the directory in use.
    public let warning: Failure?
    /// Nil if tracing is off.
    let trace: Trace?
    /// Set when a user has requested the end of the system or of this data server.
    public let ending = Event()
    /// Set when the whole system is ending and data servers have been told: clients must no longer find it.
    public let quitting = Event()
    /// Set when a data server's store is gone and it has reported so: the process may end.
    public let lost = Event()
    private let whyLost = Mutex<Failure?>(nil)
    /// The metadata server's catalogue file, held open.
    let catalogueFile: HeldFile?
    private let storeNumber = Mutex<Int?>(nil)
    private let closed = Atomic<Bool>(false)
    private let follower = Mutex<CatalogueSync?>(nil)

    public var rank: Rank { link.rank }
    public var loop: any Loop { link.loop }
    public var isMetadataServer: Bool { rank == .metadataServer }

    public init(_ settings: Settings, link: any Link) throws(Failure) {
        self.settings = settings
        self.link = link
        if let reason = AddressSpace.lack(of: 2 * Station.halfOfSlabs(settings)) { throw Failure(.failed, [], reason) }
        var store: Store?
        if let directory = settings.store {
            var options = settings.storeOptions
            (options.durable, options.group) = (settings.durable, settings.group)
            store = try Store(at: directory, options)
        }
        self.store = store
        let location = try Station.catalogueLocation(settings, store)
        warning = location.warning?.at(settings.host)
        privateDirectory = try Station.privateDirectory(settings, store)
        catalogue = try Station.catalogue(at: location.catalogue, settings)
        catalogueFile = store == nil ? HeldFile(Array(location.catalogue.utf8)) : nil
        workers =
            settings.workStarter.map(Workers.init(startedBy:))
            ?? Workers(threads: settings.workerThreads, name: "daft\(link.rank.number)")
        trace = settings.traces ? Trace() : nil
        digesting = HashQueue(on: workers, width: max(1, settings.workerThreads / 4), trace: trace)
        reading = AsyncSemaphore(width: max(1, settings.workerThreads / 2))
        let half = Station.halfOfSlabs(settings)
        intake = SlabPool(totalBytes: half, slabBytes: max(settings.chunkSize.bytes, 1 << 20))
        outlet = SlabPool(totalBytes: half, slabBytes: max(settings.chunkSize.bytes, 1 << 20))
        offers = OfferTable(workers: workers, now: link.loop.now, trace: trace)
        relay = Relay(on: link.loop)
        chainChunkIDs = ChainChunkIDs(on: link.loop)
        underWay = ActiveCommands(on: link.loop)
        follower.withLock { $0 = CatalogueSync(self) }
        intake.onShortage { [readContents] in readContents.shrink() }
    }

    private static func halfOfSlabs(_ settings: Settings) -> Int { max(settings.slabBytes / 2, 2 * ChunkSize.largest) }

    /// The data servers, as last heard.
    public var members: [Member] { roster.members }

    /// This store's number, once the metadata server has assigned it.
    var number: Int? {
        get { storeNumber.withLock { $0 } }
        set { storeNumber.withLock { $0 = newValue } }
    }

    /// Why this rank has withdrawn; nil while it participates.
    public internal(set) var loss: Failure? {
        get { whyLost.withLock { $0 } }
        set { whyLost.withLock { $0 = newValue } }
    }

    var isClosed: Bool { closed.load(ordering: .relaxed) }

    /// Releases what this rank has open. The link must be closed first, so that no more requests arrive.
    public func close() {
        closed.store(true, ordering: .relaxed)
        noteEnd()
        link.close()
        workers.stop()
        catalogue.close()
        store?.close()
        settings.log?.close()
    }

    /// Brings the catalogue replica to `state` at least, or to the metadata server's newest.
    func catchUp(to state: State? = nil) async throws(Failure) {
        guard !isMetadataServer, let follower = follower.withLock({ $0 }) else { return }
        try await follower.catchUp(to: state)
    }

    /// Sends a request; turns link errors into user-readable failures.
    func ask(_ request: Request, at rank: Rank, timeoutMilliseconds: Int? = nil) async throws(Failure) -> Reply {
        let reply: Reply
        do throws(LinkError) {
            reply = try await link.call(
                request, at: rank, timeoutMilliseconds: timeoutMilliseconds ?? settings.callMilliseconds)
        } catch {
            throw Failure(.unreachable, [], node: roster.node(of: rank), error.reason)
        }
        if case .failed(let failure) = reply { throw failure.at(roster.node(of: rank)) }
        return reply
    }

    func unexpected(_ reply: Reply, from rank: Rank) -> Failure {
        Failure(.malformed, [], node: roster.node(of: rank), "an answer that does not fit the question: \(reply)")
    }

    /// Runs blocking work on a worker thread.
    func work<T: Sendable>(_ body: @escaping @Sendable () throws(Failure) -> T) async throws(Failure) -> T {
        try await workers.run(body)
    }
}
