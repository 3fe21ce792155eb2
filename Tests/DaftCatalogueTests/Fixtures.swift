// Fixtures: ids, names and contents made from numbers, a seeded generator, temporary files.

import DaftCatalogue
import DaftModel

struct Seeded: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}

func id(_ number: Int) -> Digest {
    var generator = Seeded(state: UInt64(number))
    let words = [generator.next(), generator.next(), generator.next(), generator.next()]
    return words.withUnsafeBytes { Digest($0) }
}

func name(_ text: String) -> Name {
    guard let name = try? Name(text) else { preconditionFailure("no name: \(text)") }
    return name
}

func time(_ seconds: Int) -> Time { Time(seconds: Int64(seconds), nanoseconds: 7) }

func system(_ number: UInt64 = 1) -> Record { .system(SystemID(high: 0, low: number)) }

func storeID(_ number: Int) -> StoreID { StoreID(high: 9, low: UInt64(number)) }

func store(_ number: Int) -> Record {
    .store(StoreInfo(id: storeID(number), host: "n\(number)", path: Array("/scratch".utf8)))
}

func manifest(_ chunks: [Int]) -> Manifest {
    let size = ChunkSize(ChunkSize.smallest)!
    return Manifest(size: Int64(chunks.count * size.bytes), chunkSize: size, chunks: chunks.map { id(1_000_000 + $0) })
}

func content(_ number: Int, _ chunks: [Int], in stores: BitSet = BitSet()) -> Record {
    .content(id(number), manifest(chunks), stores: stores)
}

func directory(_ text: String, mode: UInt16 = 0o755) -> Record {
    .entry(NamedEntry(name(text), Entry(.directory, mode: mode, mtime: time(1))))
}

func file(_ text: String, _ content: Int, mode: UInt16 = 0o644) -> Record {
    .entry(NamedEntry(name(text), Entry(.file(id(content)), mode: mode, mtime: time(2))))
}

func symlink(_ text: String, to target: String) -> Record {
    .entry(NamedEntry(name(text), Entry(.symlink(Array(target.utf8)), mode: 0o777, mtime: time(3))))
}

func keeps(_ contents: [Int], _ stores: [Int], _ extent: Extent) -> Record {
    .holding(Holding(contents.map(id), in: BitSet(stores), extent))
}

func memory(_ records: [Record] = []) throws -> Catalogue {
    let catalogue = try Catalogue(path: ":memory:")
    try catalogue.append(records)
    return catalogue
}

extension Catalogue {
    func append(_ records: [Record]) throws {
        try change { (change) throws(Failure) in
            for record in records { try change.append(record) }
        }
    }

    /// Brings `self` to the state of `other` in deltas of about `limitBytes`; returns their number.
    @discardableResult
    func follow(_ other: Catalogue, limitBytes: Int = 1 << 20) throws -> Int {
        var deltas = 0
        while true {
            guard case .records(let delta) = try other.delta(after: head, limitBytes: limitBytes) else {
                throw Failure(.failed, [], "forked")
            }
            try apply(try Delta(decoding: delta.encoded))
            deltas += 1
            if delta.isLast { return deltas }
        }
    }

    func isForked(after head: Head) throws -> Bool {
        if case .forked = try delta(after: head, limitBytes: 1 << 20) { true } else { false }
    }
}
