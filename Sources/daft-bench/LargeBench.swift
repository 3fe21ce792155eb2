// One large file in the page cache: ingest, compared with OpenSSL's hash rate; and writing it out of the store,
// compared with cp.

import Glibc

struct LargeBench {
    private static let bytes = 2 << 30
    private static let rounds = 5
    private let scratch: Scratch
    private let source: String

    init(_ scratch: Scratch) throws {
        self.scratch = scratch
        source = scratch.path + "/large"
        try writeRandom(source, LargeBench.bytes, seed: 1)
    }

    func ingest() async throws -> [Row] {
        var puts: [Cost] = []
        var hashed: [Double] = []
        try await put()  // touches memory and file for the first time
        for _ in 0..<LargeBench.rounds {
            hashed.append(try hashedBytesPerSecond())
            puts.append(try await put())
        }
        let (bytes, one) = (LargeBench.bytes, median(hashed))
        let all = one * Double(processors)
        return [
            Row(
                "put of 2 GiB from the page cache", rate(bytes, puts.seconds),
                "openssl, a thread × \(processors): \(fixed(all / 1e9, 2)) GB/s",
                ratio: Double(bytes) / puts.seconds / all, atLeast: 0.8),
            Row(
                what: "the same, per second of processor time", daft: rate(bytes, puts.processorSeconds),
                peer: "openssl, a thread: \(fixed(one / 1e9, 2)) GB/s",
                ratio: fixed(Double(bytes) / puts.processorSeconds / one, 2)),
        ]
    }

    @discardableResult
    private func put() async throws -> Cost {
        _ = try scratch.fresh("put.store0")
        _ = try scratch.fresh("put.catalogue")
        let daft = try await LocalRun(scratch.path + "/put", dataServers: 1)
        defer { daft.close() }
        return try await cost { try await daft.put(source) }
    }

    func get() async throws -> [Row] {
        _ = try scratch.fresh("get.store0")
        let daft = try await LocalRun(scratch.path + "/get", dataServers: 1)
        defer { daft.close() }
        try await daft.put(source)
        let stored = scratch.path + "/get.store0/large"
        var (gets, copies): ([Cost], [Cost]) = ([], [])
        for _ in 0..<LargeBench.rounds {
            try run(["cmp", source, stored])  // reads both into the page cache
            let target = try scratch.fresh("got")
            gets.append(try await cost { try await daft.get("/large", to: target) })
            let copy = try scratch.fresh("copied")
            copies.append(try run(["cp", "--reflink=never", stored, copy]).cost)
        }
        try run(["cmp", source, scratch.path + "/got"])
        _ = try scratch.fresh("got")
        _ = try scratch.fresh("copied")
        _ = try scratch.fresh("get.store0")
        return [
            Row(
                "get of 2 GiB from the local store, verified", rate(LargeBench.bytes, gets.seconds),
                "cp --reflink=never: \(rate(LargeBench.bytes, copies.seconds))",
                ratio: copies.seconds / gets.seconds, atLeast: 0.9)
        ]
    }

    func remove() throws { try run(["rm", "-f", source]) }
}
