// Ingests files into a store, not yet under names: read, hash, store.
//
//   1. Small files go in groups: one slab, one worker job, one store transaction.
//   2. A larger file goes chunk by chunk into a partial file, several chunks at once. A chunk that an interrupted run
//      has written is hashed but not written again.
//   3. If its first chunk matches a complete content of the same size in this store, the file is compared with that
//      content: publishing the same bytes again writes nothing.
//   4. A file of another node is hashed by the offering rank; only chunks that this store lacks are transferred.
//   5. With a rate limit, chunks or groups are read one at a time, each when the throttle permits.
//   6. A file that changed while it was read is reported and not kept.
//   7. In a chain, where all ranks ingest the same files, one rank reads a file, or each reads its share. The others
//      get ids and bytes from the rank before them while that rank is still receiving them.

import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire

struct IngestJob: Sendable {
    /// Larger files gain nothing from sharing a slab.
    static let smallFile: Int64 = 1 << 20
    static let groupFiles = 256
    private static let groupsUnderWay = 4

    let station: Station
    let store: Store
    let order: Ingest
    let progressCounter: ProgressCounter
    let upstream: Upstream?

    init(_ station: Station, _ store: Store, _ order: Ingest, _ progressCounter: ProgressCounter) {
        self.station = station
        self.store = store
        self.order = order
        self.progressCounter = progressCounter
        upstream = order.chain.map { Upstream(station, $0, order.limit, progressCounter: progressCounter) }
    }

    func run() async -> [Ingested] {
        let whole = order.whole
        progressCounter.expect(bytes: whole.totalBytes, files: whole.totalFiles)
        var results = [Ingested?](repeating: nil, count: order.files.count)
        var groups = smallFileGroups(
            of: order.files.indices, mostFiles: IngestJob.groupFiles, mostBytes: Int64(groupBytes)
        ) { isSmall(order.files[$0]) ? order.files[$0].info.size : nil }.makeIterator()
        await station.loop.inOrder(width: IngestJob.groupsUnderWay) {
            Task.isCancelled ? nil : groups.next()
        } work: { group in
            (group, await ingest(group))
        } take: { group, outcomes in
            for (index, outcome) in zip(group, outcomes) { results[index] = outcome }
        }
        return results.enumerated().map { index, result in
            result ?? .failed(Failure(.stopped, order.files[index].info.path, "stopped before it was read"))
        }
    }

    /// The most bytes in a group. It depends on the order alone, so that all ranks of a chain form the same groups and
    /// agree on who reads what.
    private var groupBytes: Int { max(order.chunkSize.bytes, Int(IngestJob.smallFile)) }

    /// Where the bytes of a file come from.
    enum Way {
        /// The path is on this node.
        case path
        /// From the rank that offers the file.
        case offer
        /// From the previous rank of the chain, or an earlier one if that fails.
        case chain(Upstream)
    }

    /// Where one of `count` items comes from; the readers of a chain share the items.
    func way(to index: Int, of count: Int) -> Way {
        if let upstream, let chain = order.chain, chain.reader(of: index, among: count) != station.rank {
            return .chain(upstream)
        }
        return order.isHere ? .path : .offer
    }

    private func isSmall(_ file: IngestFile) -> Bool {
        !file.isPart && file.info.size <= min(IngestJob.smallFile, Int64(order.chunkSize.bytes))
    }

    private func ingest(_ group: [Int]) async -> [Ingested] {
        let files = group.map { order.files[$0] }
        if files.count > 1 || isSmall(files[0]) {
            return await SmallFiles(self, files, way(to: group[0], of: order.files.count)).run()
        }
        do throws(Failure) {
            var file = LargeFile(self, files[0])
            return [try await file.run()]
        } catch {
            return [.failed(error.at(station.settings.host))]
        }
    }
}

extension Ingest {
    /// The bytes of the file that this order covers.
    func length(of file: IngestFile) -> Int {
        let end = min(file.info.size, chunkSize.offset(of: file.span.first + file.span.count))
        return Int(max(0, end - chunkSize.offset(of: file.span.first)))
    }

    /// The progress when the job is complete.
    var whole: Progress {
        let bytes = files.reduce(Int64(0)) { $0 + Int64(length(of: $1)) }
        let count = Int64(files.count)
        return Progress(bytes: bytes, totalBytes: bytes, files: count, totalFiles: count)
    }
}
