// Where pulled contents go: a store, or the user's disk.

import DaftModel
import DaftStore

/// One content being filled.
protocol Sink: Sendable {
    /// The chunks that are there already.
    var have: BitSet { get }
    func write(_ chunk: Int, _ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws(Failure)
    func leaveHole(_ chunk: Int, _ id: ChunkID) throws(Failure)
    /// Fills a chunk from what is at the destination anyway, if it can.
    func copyFromNearby(_ chunk: Int, _ id: ChunkID, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Bool
    func finish() throws(Failure)
    /// It is not whole, and nobody brings more now: keep what there is for the next time.
    func pause() throws(Failure)
}

/// One that a file of this node can be copied to.
protocol NearSink: Sink {
    /// Makes it share the bytes of a store's file, if it can; what to read, and to verify, instead of that file.
    func share(_ kept: KeptFile) throws(Failure) -> KeptFile?
    /// A chunk of what it shares is right.
    func keep(_ chunk: Int)
}

protocol Destination: Sendable {
    /// It is this rank's store.
    var isOwnStore: Bool { get }
    /// Blocking, like all of these.
    func open(_ wanted: Wanted, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> any Sink
    /// Small contents that came whole; a failure for each that could not be kept.
    func take(_ whole: [(wanted: Wanted, bytes: UnsafeRawBufferPointer)]) -> [Failure?]
}
