// One rank's everything: its link, its threads and memory, its copy of the catalogue, and on a data server its store.
// Verbs run at a station; so will gateways.

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
    /// For those that read a large file for a chain: were all workers to wait for a slow filesystem, nothing could be
    /// passed on meanwhile.
    let reading: AsyncSemaphore
    /// For bytes that this rank takes in, and for those it gives to others. Were they one, two ranks that load from one
    /// another could each hold what the other waits for.
    let intake: SlabPool
    let outlet: SlabPool
    let offers: OfferTable
    let roster = Roster()
    /// Stores of other ranks on this node that this process has open; they are read without the link.
    let neighbours = Mutex<[Rank: Store]>([:])
    let contentLocks = ContentLocks()
    let readContents = ReadContents()
    let attributeCache = AttributeCache()
    let relay: Relay
    let learned: Learned
    public let underWay: ActiveCommands
    let counter = TrafficCounter()
    /// Where this rank has what is of no concern to anybody else: beside its catalogue, or in its store.
    let ownPlace: [UInt8]
    /// What the user should know of the directory that this rank uses.
    public let warning: Failure?
    /// Nil where nobody wants one.
    let trace: Trace?
    /// Whether a user has asked for the end of the system, or of this data server.
    public let ending = Event()
    /// Somebody has asked for the end of the whole system, and the data servers are told: nobody is to find it now.
    public let quitting = Event()
    /// Of a data server whose store is gone, once it has said so: it may end.
    public let lost = Event()
    private let whyLost = Mutex<Failure?>(nil)
    /// The metadata server's, held.
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
        let place = try Station.place(settings, store)
        warning = place.warning?.at(settings.host)
        ownPlace = try Station.ownPlace(settings, store)
        catalogue = try Station.catalogue(at: place.catalogue, settings)
        catalogueFile = store == nil ? HeldFile(Array(place.catalogue.utf8)) : nil
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
        learned = Learned(on: link.loop)
        underWay = ActiveCommands(on: link.loop)
        follower.withLock { $0 = CatalogueSync(self) }
        intake.onShortage { [readContents] in readContents.shrink() }
    }

    private static func halfOfSlabs(_ settings: Settings) -> Int { max(settings.slabBytes / 2, 2 * ChunkSize.largest) }

    /// The data servers, as last heard.
    public var members: [Member] { roster.members }

    /// This store's number in the catalogue, once the metadata server has given it one.
    var number: Int? {
        get { storeNumber.withLock { $0 } }
        set { storeNumber.withLock { $0 = newValue } }
    }

    /// Why this rank takes no part any more; nil as long as it does.
    public internal(set) var loss: Failure? {
        get { whyLost.withLock { $0 } }
        set { whyLost.withLock { $0 = newValue } }
    }

    var isClosed: Bool { closed.load(ordering: .relaxed) }

    /// Ends what this rank has open. The link is closed before, so that nobody asks any more.
    public func close() {
        closed.store(true, ordering: .relaxed)
        noteEnd()
        link.close()
        workers.stop()
        catalogue.close()
        store?.close()
        settings.log?.close()
    }

    /// Brings this rank's copy of the catalogue up to `state` at least, or to the metadata server's newest.
    func catchUp(to state: State? = nil) async throws(Failure) {
        guard !isMetadataServer, let follower = follower.withLock({ $0 }) else { return }
        try await follower.catchUp(to: state)
    }

    /// Asks, and turns what a link can say into what a user can read.
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

    /// Runs blocking work on a worker.
    func work<T: Sendable>(_ body: @escaping @Sendable () throws(Failure) -> T) async throws(Failure) -> T {
        try await workers.run(body)
    }
}
