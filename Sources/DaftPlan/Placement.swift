// Balanced placement for `diffuse`. Pure and deterministic: the same files and stores give the same placement.
//
// A file of at most one chunk goes whole to the least loaded store. A larger one is split into ranges of adjacent
// chunks, so that reads stay sequential: all stores get equally many chunks, and the least loaded ones the remaining
// chunks. While all have room, loads therefore never differ by more than one chunk.

import DaftModel
import DaftWire

public struct Placement: Sendable {
    /// A range of chunks of a file for a store.
    public struct Piece: Hashable, Sendable {
        public let file: Int
        public let chunks: Range<Int>
        public let store: Int
    }

    /// Disk usage is rounded up to multiples of this, and never zero.
    private static let block: Int64 = 4096

    private let chunkSize: ChunkSize
    /// By store: bytes assigned so far, and bytes that still fit.
    private var loads: [Int64]
    private var room: [Int64]

    /// `free` is each store's free space.
    public init(free: [Int64], chunkSize: ChunkSize) {
        self.chunkSize = chunkSize
        loads = free.map { _ in 0 }
        room = free
    }

    /// Places the next files by their sizes, continuing from earlier calls. A file that fits nowhere gets no pieces.
    public mutating func place(_ sizes: [Int64]) -> [Piece] {
        sizes.enumerated().flatMap { file, size in
            size <= Int64(chunkSize.bytes) ? placeWhole(file, size) : placeCut(file, size)
        }
    }

    private mutating func placeWhole(_ file: Int, _ size: Int64) -> [Piece] {
        let taken = Placement.blocks(size)
        guard let store = leastLoaded(with: taken) else { return [] }
        take(taken, of: store)
        return [Piece(file: file, chunks: 0..<chunkSize.count(of: size), store: store)]
    }

    private func leastLoaded(with space: Int64) -> Int? {
        var least: Int?
        for store in loads.indices where room[store] >= space && (least.map { loads[store] < loads[$0] } ?? true) {
            least = store
        }
        return least
    }

    private mutating func placeCut(_ file: Int, _ size: Int64) -> [Piece] {
        guard let shares = shares(of: chunkSize.count(of: size)) else { return [] }
        var pieces: [Piece] = []
        var next = 0
        for (store, share) in shares.enumerated() where share > 0 {
            let end = next + share
            pieces.append(Piece(file: file, chunks: next..<end, store: store))
            take(Placement.blocks(min(size, chunkSize.offset(of: end)) - chunkSize.offset(of: next)), of: store)
            next = end
        }
        return pieces
    }

    /// Chunks per store out of `count`; nil if they do not fit.
    private func shares(of count: Int) -> [Int]? {
        let most = room.map { Int(max(0, $0) / Int64(chunkSize.bytes)) }
        var shares = most.map { _ in 0 }
        var left = count
        var open = loads.indices.filter { most[$0] > 0 }
        while left >= open.count, !open.isEmpty {
            let more = min(left / open.count, open.map { most[$0] - shares[$0] }.min() ?? 0)
            for store in open { shares[store] += more }
            left -= more * open.count
            open.removeAll { shares[$0] == most[$0] }
        }
        for store in open.sorted(by: { (loads[$0], $0) < (loads[$1], $1) }).prefix(left) {
            shares[store] += 1
            left -= 1
        }
        return left == 0 ? shares : nil
    }

    private mutating func take(_ bytes: Int64, of store: Int) {
        loads[store] += bytes
        room[store] -= bytes
    }

    private static func blocks(_ size: Int64) -> Int64 { max(1, (size + block - 1) / block) * block }
}
