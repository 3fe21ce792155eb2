// Many small files: put, compared with cp of the same tree onto the same disk.

import Glibc

struct SmallBench {
    private static let files = 100_000
    private static let bytes = 4096
    private static let rounds = 3
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() async throws -> [Row] {
        let tree = scratch.path + "/small"
        try makeTree(tree, files: SmallBench.files, bytes: SmallBench.bytes)  // now cached for both
        var (puts, copies): ([Cost], [Cost]) = ([], [])
        for _ in 0..<SmallBench.rounds {
            puts.append(try await put(tree))
            copies.append(try copy(tree))
        }
        for leaf in ["small", "small-put.store0", "small-put.catalogue", "small-copy"] { _ = try scratch.fresh(leaf) }
        return [
            Row(
                "put of 100,000 files of 4 KiB", "\(fixed(puts.seconds, 1)) s",
                "cp -r: \(fixed(copies.seconds, 1)) s", ratio: puts.seconds / copies.seconds, atMost: 2.5),
            Row(
                what: "the same, processor time", daft: "\(fixed(puts.processorSeconds, 1)) s",
                peer: "cp -r: \(fixed(copies.processorSeconds, 1)) s",
                ratio: fixed(puts.processorSeconds / copies.processorSeconds, 2)),
        ]
    }

    private func put(_ tree: String) async throws -> Cost {
        _ = try scratch.fresh("small-put.store0")
        _ = try scratch.fresh("small-put.catalogue")
        sync()
        let daft = try await LocalRun(scratch.path + "/small-put", dataServers: 1)
        defer { daft.close() }
        return try await cost { try await daft.put(tree) }
    }

    private func copy(_ tree: String) throws -> Cost {
        let target = try scratch.fresh("small-copy")
        sync()
        return try daft_bench.run(["cp", "-r", tree, target]).cost
    }
}

/// Creates files with different contents.
func makeTree(_ tree: String, files: Int, bytes: Int, inDirectory: Int = 1000) throws {
    mkdir(tree, 0o755)
    for directory in 0..<(files + inDirectory - 1) / inDirectory {
        mkdir("\(tree)/d\(directory)", 0o755)
        for file in directory * inDirectory..<min(files, (directory + 1) * inDirectory) {
            try writeRandom("\(tree)/d\(directory)/f\(file)", bytes, seed: UInt64(file) << 20)
        }
    }
}
