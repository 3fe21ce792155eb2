// Ranks that load the same content at the same moment are sources for one another. The metadata server says who they
// are; each is asked now and then which chunks it has.

import DaftCore
import DaftLink

/// Keeps `Sourcing` informed of the others while one content is being loaded.
actor Swarm {
    private static let intervalMilliseconds = 50
    /// Fewer chunks are loaded before the first answer of the others would come.
    private static let fewestChunks = 4

    private let station: Station
    private nonisolated let loop: any Loop
    private let sourcing: Sourcing
    private let content: ContentID
    private let isWorthwhile: Bool
    private var isOver = false

    init(_ station: Station, _ sourcing: Sourcing, _ wanted: Wanted) {
        self.station = station
        self.sourcing = sourcing
        content = wanted.content
        loop = station.loop
        isWorthwhile = wanted.manifest.chunks.count >= Swarm.fewestChunks
    }

    nonisolated var unownedExecutor: UnownedSerialExecutor { loop.asUnownedSerialExecutor() }

    func begin() {
        guard isWorthwhile else { return }
        loop.start { [self] in await patrol() }
    }

    private func patrol() async {
        while !isOver {
            await look()
            await loop.sleep(milliseconds: Swarm.intervalMilliseconds)
        }
    }

    func end() async {
        guard isWorthwhile else { return }
        isOver = true
        _ = try? await station.ask(.loading(content, begun: false), at: .metadataServer)
    }

    private func look() async {
        guard let reply = try? await station.ask(.loading(content, begun: true), at: .metadataServer),
            case .loaders(let ranks) = reply, !isOver
        else { return }
        var chunks: [Rank: BitSet] = [:]
        for rank in ranks {
            guard let answer = try? await station.ask(.have([content]), at: rank),
                case .have(let extents) = answer, let extent = extents.first, !isOver
            else { continue }
            if case .part(let part) = extent { chunks[rank] = part }
        }
        await sourcing.note(peers: chunks, of: content)
    }
}

/// The order in which the chunks of one content are asked for.
struct Chooser {
    private(set) var open: BitSet
    private let order: Int
    let presentBytes: Int64

    /// With a rank, it begins at a place of its own; without, at the beginning.
    init(_ wanted: Wanted, have: BitSet, rank: Rank?, ranks: Int) {
        let count = wanted.manifest.chunks.count
        var missing = BitSet(below: count)
        missing.subtract(have)
        if let chunks = wanted.chunks { missing = missing.intersection(chunks) }
        open = missing
        order = rank.map { $0.number % max(1, ranks) * count / max(1, ranks) } ?? 0
        let manifest = wanted.manifest
        presentBytes = have.filter { $0 < count }.reduce(0) { $0 + Int64(manifest.length(of: $1)) }
    }

    /// The next chunk: one that another loader has, if there is one; else the next in this rank's order.
    mutating func next(preferring others: BitSet) -> Int? {
        let chunk = open.intersection(others).first(from: order) ?? open.first(from: order)
        if let chunk { open.remove(chunk) }
        return chunk
    }
}
