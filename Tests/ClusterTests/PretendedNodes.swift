// Three data servers that take themselves to be on nodes of their own, n1, n2 and n3, each with a store of its own; the
// metadata server is on n1. So bytes move between them over the link, as they do on a cluster. What makes a process
// believe it is a name space of its own for the name of its host, which takes a right that not every user has.

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

    /// With a directory `set` to stage: a file of about so many bytes, one of a third of that, and many small ones.
    init(largeBytes: Int) throws {
        scratch = try Scratch()
        try FileManager.default.createDirectory(atPath: scratch["set"], withIntermediateDirectories: true)
        // Sizes of which no two are equal: the bytes follow from the size.
        let sizes = [largeBytes + 1, largeBytes / 3 + 2] + (0..<200).map { 20_000 + $0 }
        for (number, size) in sizes.enumerated() { try scratch.makeFile("set/f\(number)", bytes: size) }
        bytes = sizes.reduce(0, +)
    }

    func store(_ node: String) -> String { scratch["store-" + node] }

    func start(_ arguments: [String], mca: [String] = [], input: String = "") throws -> Job {
        try Job(
            PretendedNodes.data.count + 1, "daft-run",
            ["--json", "--chunk-size", "\(PretendedNodes.chunkBytes)"] + arguments,
            mca: mca, starter: ["unshare", "--uts", "sh", "-c", PretendedNodes.script, scratch["store"]], input: input)
    }

    func run(_ arguments: String..., input: String = "") throws -> JobEnd { try start(arguments, input: input).end() }

    /// Bytes of files that are on the disk below a path, but for those of databases: each file once.
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
    /// What was said with --json, one object a line.
    var rows: [[String: Any]] {
        output.split(separator: "\n").compactMap {
            try? JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
        }
    }

    func numbers(_ field: String, of type: String) -> [Int] {
        rows.filter { $0["type"] as? String == type }.compactMap { $0[field] as? Int }
    }
}
