// The plan of a repair: where missing copies go. Pure and deterministic, and fed one content at a time, so that memory
// does not grow with their number.
//
//   1. Adjacent chunks with the same holders form one run.
//   2. A run with too few copies goes to the missing number of further stores: the least loaded with room. A node that
//      has a copy already gets another only if there is no other node.
//   3. Chunks without a present holder cannot be copied now.

import DaftModel
import DaftWire

public struct RepairPlan: Sendable {
    /// A data server that can receive copies.
    public struct Server: Hashable, Sendable {
        /// Its store's number.
        public let store: Int
        public let host: String
        /// Bytes that fit.
        public let free: Int64

        public init(store: Int, host: String, free: Int64) {
            self.store = store
            self.host = host
            self.free = free
        }
    }

    /// One content and its holders.
    public struct Content: Sendable {
        public let id: ContentID
        public let manifest: Manifest
        public let copies: Copies
        public let keepers: [StoreExtent]
        /// All-zero chunks, which are available everywhere.
        public let holes: BitSet
        /// Restricts the plan to these chunks; nil: all.
        public let only: BitSet?

        public init(
            id: ContentID, manifest: Manifest, copies: Copies, keepers: [StoreExtent], holes: BitSet = BitSet(),
            only: BitSet? = nil
        ) {
            self.id = id
            self.manifest = manifest
            self.copies = copies
            self.keepers = keepers
            self.holes = holes
            self.only = only
        }
    }

    /// Chunks to bring to a store.
    public struct Copy: Hashable, Sendable {
        public let store: Int
        public let chunks: BitSet
        public let bytes: Int64

        public init(store: Int, chunks: BitSet, bytes: Int64) {
            self.store = store
            self.chunks = chunks
            self.bytes = bytes
        }
    }

    public struct Decision: Sendable {
        public fileprivate(set) var copies: [Copy] = []
        /// Chunks without a present holder.
        public fileprivate(set) var unavailable = BitSet()
        /// A copy is missing and fits nowhere.
        public fileprivate(set) var hasNoRoom = false
    }

    private let servers: [Server]
    /// The stores that chunks can be read from.
    private let sources: BitSet
    /// The stores whose copies count: present, or expected back.
    private let counted: BitSet
    private var loads: [Int64]

    /// `sources`: stores that can give; `counted`: stores whose copies count.
    public init(_ servers: [Server], sources: BitSet, counted: BitSet) {
        self.servers = servers.sorted { $0.store < $1.store }
        self.sources = sources
        self.counted = counted
        loads = servers.map { _ in 0 }
    }

    public mutating func decide(_ content: Content) -> Decision {
        var decision = Decision()
        var gained: [Int: (chunks: BitSet, bytes: Int64)] = [:]
        for run in runs(of: content) {
            let keepers = content.keepers(of: run.lowerBound)
            let present = keepers.filter { counted.contains($0) }
            let lacking =
                content.copies == .everywhere
                ? servers.count { !keepers.contains($0.store) }
                : content.copies.among(servers.count) - present.count
            if lacking <= 0 { continue }
            let isHole = !run.isEmpty && run.allSatisfy(content.holes.contains)
            if !run.isEmpty, !isHole, !keepers.contains(where: sources.contains) {
                for chunk in run where !content.holes.contains(chunk) { decision.unavailable.insert(chunk) }
                continue
            }
            let bytes = content.bytes(of: run)
            let chosen = choose(lacking, besides: keepers, bytes: bytes)
            if chosen.count < lacking { decision.hasNoRoom = true }
            for index in chosen {
                loads[index] += max(bytes, 1)
                var (chunks, sum) = gained[index] ?? (BitSet(), 0)
                chunks.formUnion(BitSet(run))
                sum += bytes
                gained[index] = (chunks, sum)
            }
        }
        for (index, gain) in gained.sorted(by: { $0.key < $1.key }) {
            decision.copies.append(Copy(store: servers[index].store, chunks: gain.chunks, bytes: gain.bytes))
        }
        return decision
    }

    /// Servers for one more copy each: nodes without a copy first, then the least loaded, then the successor of a
    /// holder.
    private func choose(_ count: Int, besides keepers: [Int], bytes: Int64) -> [Int] {
        var open = servers.indices.filter { index in
            !keepers.contains(servers[index].store) && servers[index].free - loads[index] >= bytes
        }
        var hosts = Set(servers.filter { keepers.contains($0.store) }.map(\.host))
        let origin = servers.firstIndex { keepers.contains($0.store) } ?? 0
        var chosen: [Int] = []
        while chosen.count < count {
            let next = open.min { x, y in
                let (a, b) = (hosts.contains(servers[x].host) ? 1 : 0, hosts.contains(servers[y].host) ? 1 : 0)
                let (i, j) = (
                    (x - origin + servers.count) % servers.count, (y - origin + servers.count) % servers.count
                )
                return (a, loads[x], i) < (b, loads[y], j)
            }
            guard let next else { break }
            chosen.append(next)
            hosts.insert(servers[next].host)
            open.removeAll { $0 == next }
        }
        return chosen
    }

    /// Runs of adjacent chunks with the same holders; for an empty content one empty run.
    private func runs(of content: Content) -> [Range<Int>] {
        let count = content.manifest.chunks.count
        if count == 0 { return [0..<0] }
        if !content.keepers.contains(where: { $0.extent != .complete }), content.only == nil { return [0..<count] }
        var runs: [Range<Int>] = []
        var last: [Int] = []
        for chunk in 0..<count where content.only?.contains(chunk) ?? true {
            let keepers = content.keepers(of: chunk)
            if let run = runs.last, run.upperBound == chunk, keepers == last {
                runs[runs.count - 1] = run.lowerBound..<chunk + 1
            } else {
                runs.append(chunk..<chunk + 1)
                last = keepers
            }
        }
        return runs
    }
}

extension RepairPlan.Content {
    fileprivate func keepers(of chunk: Int) -> [Int] {
        keepers.filter { $0.extent.contains(chunk) }.map(\.store)
    }

    fileprivate func bytes(of run: Range<Int>) -> Int64 {
        run.reduce(0) { $0 + (holes.contains($1) ? 0 : Int64(manifest.length(of: $1))) }
    }
}
