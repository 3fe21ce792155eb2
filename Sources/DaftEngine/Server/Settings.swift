// What a rank is told when it starts.

import DaftLink
import DaftModel
import DaftStore

public struct Settings: Sendable {
    /// The node this rank runs on, as people call it.
    public var host: String
    /// The store of a data server; the metadata server has none.
    public var store: [UInt8]?
    /// The file of the catalogue; none: a data server's stands in its store.
    public var catalogue: String?
    public var chunkSize = ChunkSize.standard
    /// How hard bytes are packed that cross the link, as a level of zstd; 0: not at all.
    public var compression: UInt8 = 0
    /// Whether a file is on the disk, and not just in memory, before it counts as kept.
    public var durable = false
    /// How many data servers the metadata server waits for at start, and how long.
    public var expectedServers = 0
    public var agreementMilliseconds = 30_000
    /// Whether the system is one without some of them, who may join later.
    public var mayLackServers = false
    /// How many copies are wanted of what is published, where its user says nothing.
    public var copies = Copies.one
    /// On the metadata server: copies are made again for a store that has been away for so long; nil: never by itself.
    public var repairAfterMilliseconds: Int?
    /// On the metadata server: `quit` asks each data server to end, too; else the program sees to that.
    public var endsDataServers = false
    /// On the metadata server: no catalogue counts, and what is published is learned from the stores.
    public var rebuilds = false
    /// On the metadata server: what a system is called that begins now; nil: unlike any other.
    public private(set) var newSystem: SystemID?
    /// How long a small question may take.
    public var callMilliseconds = 10_000
    /// How long a run of chunks may take.
    public var loadMilliseconds = 30_000
    /// How long the rank before one in a chain may have nothing new for it before it is passed over.
    public var passOverMilliseconds = 10_000
    /// What has no room on some data server is refused before it moves, as in a job that needs it everywhere; else it
    /// is brought wherever there is room, and refused where there is none at all.
    public var needsRoomEverywhere = true
    /// An order that nobody asks about any more is given up.
    public var orphanMilliseconds = 30_000
    /// A source that changed so shortly before it was looked at is not remembered: it may have changed once more under
    /// the same times.
    public var sourceMarginMilliseconds: Int64 = 2_000
    /// Threads for disk, hashing and SQLite.
    public var workerThreads = 4
    /// Who does that work, for simulations; nil: threads of our own.
    public var workStarter: Workers.Starter?
    /// Memory for bytes under way: half for what this rank takes in, half for what it gives out.
    public var slabBytes = 96 << 20
    /// Whether slabs are noted for a trace.
    public var traces = false
    /// Where this rank tells what it does.
    public var log: EventLog?
    /// The group that shares the store and the catalogue; nil: they are this user's alone.
    public var group: UInt32?
    /// The store's own options; `durable` and `group` are set from above.
    public var storeOptions = Store.Options()

    /// What the store lies on, or would if it were there; none where it is not to be seen, or there is no store.
    public var filesystem: Filesystem? { store.flatMap(DaftStore.filesystem) }

    /// Systems that begin under the same name, on whatever nodes, are one.
    public mutating func nameSystem(_ name: [UInt8]) {
        let (high, low, _, _) = digest(of: name).words
        newSystem = SystemID(high: high, low: low)
    }

    public init(host: String, store: [UInt8]? = nil, catalogue: String? = nil) {
        self.host = host
        self.store = store
        self.catalogue = catalogue
    }
}
