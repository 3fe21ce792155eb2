// Peak memory of a data server regardless of data size, measured in a separate process with a metadata server and two
// data servers.

import Glibc

struct MemoryBench {
    private static let limitMebibytes = 256.0
    private static let dataServers = 2
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() throws -> [Row] {
        let large = scratch.path + "/sparse"
        for part in 0..<20 { try writeRandom(large, 16 << 20, at: part << 30, seed: UInt64(part)) }
        truncate(large, 20 << 30)
        let tiny = scratch.path + "/tiny"
        try makeTree(tiny, files: 100_000, bytes: 64)
        let rows = [try measure("a sparse file of 20 GiB", large), try measure("100,000 tiny files", tiny)]
        for leaf in ["sparse", "tiny"] { _ = try scratch.fresh(leaf) }
        return rows
    }

    private func measure(_ what: String, _ path: String) throws -> Row {
        let ran = try daft_bench.run(["/proc/self/exe", "stage", path])
        for leaf in ["catalogue", "store0", "store1", "got"] { try daft_bench.run(["rm", "-rf", "\(path).\(leaf)"]) }
        let mebibytes = Double(ran.peakBytes) / Double(1 << 20)
        return Row(
            "peak memory a data server (put, bcast to 2, get): \(what)", mebibytes / Double(MemoryBench.dataServers),
            "MiB",
            atMost: MemoryBench.limitMebibytes)
    }

    /// The work of the separate process.
    static func stage(_ path: String) async throws {
        let name = "/" + (path.split(separator: "/").last ?? "")
        let daft = try await LocalRun(path, dataServers: dataServers)
        defer { daft.close() }
        try await daft.put(path)
        try await daft.bcast(name)
        try await daft.get(name, to: path + ".got")
    }
}
