// Three data servers that appear to be on separate nodes n1, n2 and n3, each with its own store, and the metadata
// server on n1, so that bytes cross the link as on a cluster. Each runs in a UTS namespace with its own host name,
// which requires a privilege.

import Foundation
import Glibc
import TestPrograms

final class PretendedNodes {
    static let chunkBytes = 256 << 10
    static let data = ["n1", "n2", "n3"]

    static var areAllowed: Bool {
        let unshare = try? Running(
            "/usr/bin/unshare", ["--uts", "true"], in: "/tmp", input: "/dev/null", output: "/dev/null",
            errors: "/dev/null")
        return unshare?.wait().status == 0
    }

    private static let script = """
        node=n$((OMPI_COMM_WORLD_RANK > 0 ? OMPI_COMM_WORLD_RANK : 1))
        hostname $node
        DAFT_STORE=$0-$node exec "$@"
        """

    let scratch: Scratch
    /// Bytes of the files in the directory `set`.
    let bytes: Int

    /// Creates a directory `set` to stage: a file of about this size, one of a third of it, and many small ones.
    init(largeBytes: Int) throws {
        scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch["set"], withIntermediateDirectories: true)
        // All sizes differ, since bytes are derived from the size.
        let sizes = [largeBytes + 1, largeBytes / 3 + 2] + (0..<200).map { 20_000 + $0 }
        for (number, size) in sizes.enumerated() { try scratch.makeFile("set/f\(number)", bytes: size) }
        bytes = sizes.reduce(0, +)
    }

    func store(_ node: String) -> String { scratch["store-" + node] }

    func start(
        _ arguments: [String], mca: [String] = [], surroundings: [String] = [], input: String = ""
    ) throws -> Job {
        try Job(
            PretendedNodes.data.count + 1, "daft-run",
            ["--json", "--chunk-size", "\(PretendedNodes.chunkBytes)"] + arguments,
            mca: mca, surroundings: surroundings,
            starter: ["unshare", "--uts", "sh", "-c", PretendedNodes.script, scratch["store"]], input: input)
    }

    func run(_ arguments: String..., input: String = "") throws -> JobEnd { try start(arguments, input: input).end() }

    /// Bytes of files on disk below a path, without databases, counting each file once.
    func written(below path: String) -> Int {
        var seen: Set<ino_t> = []
        var sum = 0
        for case let name as String in FileManager.default.enumerator(atPath: path) ?? .init() {
            var status = stat()
            guard lstat(path + "/" + name, &status) == 0, status.st_mode & S_IFMT == S_IFREG else { continue }
            guard !name.contains(".sqlite"), seen.insert(status.st_ino).inserted else { continue }
            sum += min(Int(status.st_blocks) * 512, Int(status.st_size))
        }
        return sum
    }
}

extension JobEnd {
    /// The JSON objects printed.
    var rows: [[String: Any]] {
        output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    func numbers(_ field: String, of type: String) -> [Int] {
        rows.filter { $0["type"] as? String == type }.compactMap { $0[field] as? Int }
    }
}
