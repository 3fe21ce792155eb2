// A tree of which nothing has changed: put, diffuse and bcast of it once more, against what rsync takes to find that
// out of the tree and its copy.

import Glibc

struct AgainBench {
    private static let files = 60_000
    private static let inDirectory = 100
    private static let bytes = 500
    private static let rounds = 5
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() async throws -> [Row] {
        let tree = scratch.path + "/again"
        try makeTree(
            tree, files: AgainBench.files, bytes: AgainBench.bytes, inDirectory: AgainBench.inDirectory)
        let copy = try scratch.fresh("again-copy")
        try daft_bench.run(["rsync", "-a", tree + "/", copy])
        // What has changed in the last seconds is not taken for unchanged.
        sleep(3)
        var rows: [Row] = []
        for (what, servers) in [("put", 1), ("diffuse", 1), ("bcast", 1), ("bcast", 4)] {
            rows.append(try await row(what, servers, tree, copy))
        }
        for leaf in ["again", "again-copy"] { _ = try scratch.fresh(leaf) }
        return rows
    }

    private func row(_ verb: String, _ servers: Int, _ tree: String, _ copy: String) async throws -> Row {
        let place = scratch.path + "/again-daft"
        let daft = try await LocalRun(place, dataServers: servers)
        func stage() async throws {
            switch verb {
            case "put": try await daft.put(tree)
            case "diffuse": try await daft.diffuse(tree)
            default: try await daft.bcast(tree)
            }
        }
        try await stage()
        var (again, looks): ([Cost], [Cost]) = ([], [])
        for _ in 0..<AgainBench.rounds {
            again.append(try await cost { try await stage() })
            looks.append(try daft_bench.run(["rsync", "-an", tree + "/", copy]).cost)
        }
        daft.close()
        for leaf in ["again-daft.catalogue"] + (0..<servers).map({ "again-daft.store\($0)" }) {
            _ = try scratch.fresh(leaf)
        }
        let suffix = servers == 1 ? "" : ", \(servers) data servers on this machine"
        return Row(
            "\(verb) again of 60,000 unchanged files of 500 B\(suffix)", "\(fixed(again.seconds, 2)) s",
            "rsync -n -a: \(fixed(looks.seconds, 2)) s", ratio: again.seconds / looks.seconds, atMost: 3)
    }
}
