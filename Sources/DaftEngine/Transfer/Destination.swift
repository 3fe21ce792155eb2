// Destinations of pulled contents: a store, or the user's disk.

import DaftModel
import DaftStore

/// Receives one content.
protocol Sink: Sendable {
    /// The chunks already present.
    var have: BitSet { get }
    func write(_ chunk: Int, _ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws(Failure)
    func leaveHole(_ chunk: Int, _ id: ChunkID) throws(Failure)
    /// Fills a chunk from other data at the destination; false if there is none.
    func copyFromNearby(_ chunk: Int, _ id: ChunkID, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Bool
    func finish() throws(Failure)
    /// Keeps an incomplete content for a later run.
    func pause() throws(Failure)
}

/// A sink to which a file of this node can be copied.
protocol NearSink: Sink {
    /// Makes the sink share the blocks of a store's file (reflink). Returns the file to verify instead; nil if
    /// unsupported.
    func share(_ kept: KeptFile) throws(Failure) -> KeptFile?
    /// Marks a shared chunk as verified.
    func keep(_ chunk: Int)
}

protocol Destination: Sendable {
    /// Whether it is this rank's store.
    var isOwnStore: Bool { get }
    /// Blocks, as do all these functions.
    func open(_ wanted: Wanted, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> any Sink
    /// Stores small, complete contents; returns a failure or nil for each.
    func take(_ whole: [(wanted: Wanted, bytes: UnsafeRawBufferPointer)]) -> [Failure?]
}
