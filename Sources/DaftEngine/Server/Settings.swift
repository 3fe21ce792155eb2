// Configuration of a rank.

import DaftLink
import DaftModel
import DaftStore

public struct Settings: Sendable {
    /// Display name of this rank's node.
    public var host: String
    /// Directory of the data server's store; nil on the metadata server.
    public var store: [UInt8]?
    /// Catalogue file; nil: in the data server's store.
    public var catalogue: String?
    public var chunkSize = ChunkSize.standard
    /// zstd level for bytes sent over the link; 0: no compression.
    public var compression: UInt8 = 0
    /// Whether files are synced to disk before they count as kept.
    public var durable = false
    /// Data servers that the metadata server waits for at the start, and for how long.
    public var expectedServers = 0
    public var agreementMilliseconds = 30_000
    /// Whether the system may start without some data servers, which join later.
    public var mayLackServers = false
    /// Default number of copies of published files.
    public var copies = Copies.one
    /// Metadata server: re-create copies for a store away for this long; nil: never automatically.
    public var repairAfterMilliseconds: Int?
    /// Metadata server: `quit` ends the data servers too; otherwise the launching program does.
    public var endsDataServers = false
    /// Metadata server: ignore catalogues and rebuild from the stores.
    public var rebuilds = false
    /// Metadata server: id of a system that begins now; nil: random.
    public private(set) var newSystem: SystemID?
    /// Deadline of a small request.
    public var callMilliseconds = 10_000
    /// Deadline of a chunk transfer.
    public var loadMilliseconds = 30_000
    /// How long an upstream rank of a chain may have nothing new before it is skipped.
    public var passOverMilliseconds = 10_000
    /// True: refuse what does not fit on every data server. False: store wherever there is space, and refuse only what
    /// fits nowhere.
    public var needsRoomEverywhere = true
    /// An order that has not been polled for this long is cancelled.
    public var orphanMilliseconds = 30_000
    /// A source changed less than this before it was read is not remembered: it could change again with the same
    /// timestamps.
    public var sourceMarginMilliseconds: Int64 = 2_000
    /// Threads for disk I/O, hashing and SQLite.
    public var workerThreads = 4
    /// Replaces the worker threads in simulations.
    public var workStarter: Workers.Starter?
    /// Memory for transfers: half for receiving, half for sending.
    public var slabBytes = 96 << 20
    /// Whether to record trace events.
    public var traces = false
    /// The rank's event log.
    public var log: EventLog?
    /// Group that shares the store and catalogue; nil: private to this user.
    public var group: UInt32?
    /// Store options; `durable` and `group` are taken from above.
    public var storeOptions = Store.Options()

    /// Filesystem of the store, also before it exists; nil if unknown or without a store.
    public var filesystem: Filesystem? { store.flatMap(DaftStore.filesystem) }

    /// Derives the new system's id from a name: systems begun under the same name are the same.
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
