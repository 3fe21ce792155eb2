// Takes files into a store, without names yet: read, hash, keep.
//
//   1. Small files go in groups: one slab, one piece of work on a worker, one transaction of the store.
//   2. A larger file goes chunk by chunk into a partial file, several chunks at once; a chunk that an earlier,
//      interrupted run has written already is hashed but not written again.
//   3. Where its first chunk is the beginning of a content of the same size that this store keeps complete, the file is
//      taken for that content as long as every chunk agrees: publishing the same again writes nothing.
//   4. A file of another node is hashed by the rank that offers it; only chunks that this store lacks are moved.
//   5. With a limit everything is read a chunk or a group at a time, each when its turn has come.
//   6. A file that changed meanwhile is reported and not kept.
//   7. In a chain, where all take in the same, one reads a file, or each its share of it. The others learn the ids from
//      the rank before them and take the bytes from it while it is still getting them itself.

import DaftLink
import DaftModel
import DaftPlan
import DaftStore
import DaftWire

struct IngestJob: Sendable {
    /// A larger file gains nothing from sharing a slab.
    static let smallFile: Int64 = 1 << 20
    static let groupFiles = 64
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

    /// What a group has at most. Every rank of a chain comes to the same groups, whatever its own slabs: by them it
    /// knows who reads what.
    private var groupBytes: Int { max(order.chunkSize.bytes, Int(IngestJob.smallFile)) }

    /// Which way to the bytes of a file there is.
    enum Way {
        /// The path is this node's own.
        case path
        /// From the rank that offers the file.
        case offer
        /// From the rank before this one in the chain, and further ranks should it fail.
        case chain(Upstream)
    }

    /// The way to one of `count` items, of which each reader in a chain has its share.
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
    /// Of a file, what this order is about.
    func length(of file: IngestFile) -> Int {
        let end = min(file.info.size, chunkSize.offset(of: file.span.first + file.span.count))
        return Int(max(0, end - chunkSize.offset(of: file.span.first)))
    }

    /// How far it is at its end.
    var whole: Progress {
        let bytes = files.reduce(Int64(0)) { $0 + Int64(length(of: $1)) }
        let count = Int64(files.count)
        return Progress(bytes: bytes, totalBytes: bytes, files: count, totalFiles: count)
    }
}
