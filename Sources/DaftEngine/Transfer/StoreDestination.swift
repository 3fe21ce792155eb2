// A store as the destination of pulls: fetch, repair and verify.

import DaftModel
import DaftStore

struct StoreDestination: Destination {
    private let store: Store

    init(_ store: Store) { self.store = store }

    var isOwnStore: Bool { true }

    func open(_ wanted: Wanted, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> any Sink {
        StoreSink(store, try store.fill(wanted.content, wanted.manifest))
    }

    func take(_ whole: [(wanted: Wanted, bytes: UnsafeRawBufferPointer)]) -> [Failure?] {
        let files = whole.map { SmallContent($0.wanted.content, $0.wanted.manifest, $0.bytes) }
        do throws(Failure) {
            try store.keep(files)
            return whole.map { _ in nil }
        } catch {
            // The batch failed: retry one by one, since only one may be too large for the space left.
            if files.count == 1 { return [error] }
            return whole.flatMap { take([$0]) }
        }
    }
}

private struct StoreSink: Sink {
    private let store: Store
    private let partialFile: PartialFile

    init(_ store: Store, _ partialFile: PartialFile) {
        self.store = store
        self.partialFile = partialFile
    }

    var have: BitSet { partialFile.have }

    func write(_ chunk: Int, _ id: ChunkID, _ bytes: UnsafeRawBufferPointer) throws(Failure) {
        try partialFile.write(chunk, id, bytes)
    }

    func leaveHole(_ chunk: Int, _ id: ChunkID) throws(Failure) { try partialFile.leaveHole(chunk, id) }

    func copyFromNearby(_ chunk: Int, _ id: ChunkID, buffer: UnsafeMutableRawBufferPointer) throws(Failure) -> Bool {
        guard let location = try store.chunkLocation(of: id) else { return false }
        return try partialFile.copy(chunk, id, from: location, buffer: buffer)
    }

    func finish() throws(Failure) { try partialFile.finish() }
    func pause() throws(Failure) { try partialFile.checkpoint() }
}
