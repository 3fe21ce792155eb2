// Publishing an unchanged tree again: put, diffuse and bcast, compared with rsync on the tree and a copy; with several
// data servers, with as many concurrent rsyncs.

import Glibc

struct AgainBench {
    private static let files = 60_000
    private static let inDirectory = 100
    private static let bytes = 500
    private static let rounds = 5
    private static let mostServers = 4
    /// Compares a tree with several copies concurrently.
    private static let looks = """
        t=$1; shift; p=
        for c; do rsync -an "$t/" "$c" & p="$p $!"; done
        for i in $p; do wait $i || exit 1; done
        """
    private let scratch: Scratch

    init(_ scratch: Scratch) { self.scratch = scratch }

    func run() async throws -> [Row] {
        let tree = scratch.path + "/again"
        try makeTree(
            tree, files: AgainBench.files, bytes: AgainBench.bytes, inDirectory: AgainBench.inDirectory)
        let copies = try (0..<AgainBench.mostServers).map { try scratch.fresh("again-copy\($0)") }
        for copy in copies { try daft_bench.run(["rsync", "-a", tree + "/", copy]) }
        // Recently changed files do not count as unchanged.
        sleep(3)
        var rows: [Row] = []
        for (what, servers) in [("put", 1), ("diffuse", 1), ("bcast", 1), ("bcast", AgainBench.mostServers)] {
            rows.append(try await row(what, servers, tree, Array(copies.prefix(servers))))
        }
        for path in [tree] + copies { try daft_bench.run(["rm", "-rf", path]) }
        return rows
    }

    private func row(_ verb: String, _ servers: Int, _ tree: String, _ copies: [String]) async throws -> Row {
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
            looks.append(try daft_bench.run(["sh", "-c", AgainBench.looks, "sh", tree] + copies).cost)
        }
        daft.close()
        for leaf in ["again-daft.catalogue"] + (0..<servers).map({ "again-daft.store\($0)" }) {
            _ = try scratch.fresh(leaf)
        }
        let (suffix, peer) =
            servers == 1
            ? ("", "rsync -n -a") : (", \(servers) data servers on this machine", "\(servers) × rsync -n -a at once")
        return Row(
            "\(verb) again of 60,000 unchanged files of 500 B\(suffix)", "\(fixed(again.seconds, 2)) s",
            "\(peer): \(fixed(looks.seconds, 2)) s", ratio: again.seconds / looks.seconds, atMost: 3)
    }
}
