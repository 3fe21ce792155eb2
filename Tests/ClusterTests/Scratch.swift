// A temporary directory with a tree to stage, and independent tree comparison.

import Foundation

struct Scratch: ~Copyable {
    let path: String

    init() throws {
        path = "/tmp/daft-cluster-\(getpid())-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: path) }

    subscript(_ name: String) -> String { path + "/" + name }

    /// A varied tree below `name`.
    func makeTree(_ name: String, largeBytes: Int = 9 << 20) throws {
        let files = FileManager.default
        for folder in ["", "/a b", "/empty", "/deep/er/still"] {
            try files.createDirectory(atPath: self[name + folder], withIntermediateDirectories: true)
        }
        let chunk = 4 << 20
        let sizes = [
            "zero": 0, "one": 1, "a b/less": chunk - 1, "chunk": chunk, "more": chunk + 1, "deep/er/still/x": 777,
            "-dash": 10, "new\nline": 11, "quote\"'": 12, "large": largeBytes,
        ]
        for (file, size) in sizes { try makeFile(name + "/" + file, bytes: size) }
        try files.createSymbolicLink(atPath: self[name + "/dangling"], withDestinationPath: "no/where")
        try files.createSymbolicLink(atPath: self[name + "/outside"], withDestinationPath: "/etc/passwd")
        try files.setAttributes([.posixPermissions: 0o750], ofItemAtPath: self[name + "/one"])
    }

    /// A file without equal megabytes.
    func makeFile(_ name: String, bytes: Int) throws {
        try Data().write(to: URL(fileURLWithPath: self[name]))
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: self[name]))
        defer { try? file.close() }
        var block = Data((0..<min(bytes, 1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* $0 >> 7 &+ bytes) })
        for start in stride(from: 0, to: bytes, by: 1 << 20) {
            withUnsafeBytes(of: start) { stamp in
                let count = min(stamp.count, block.count)
                block.replaceSubrange(0..<count, with: stamp.prefix(count))
            }
            try file.write(contentsOf: block.prefix(min(1 << 20, bytes - start)))
        }
    }

    /// What rsync would change to make `copy` equal `source`: empty if correct. Stores drop write bits, so permissions
    /// are compared only for fetched files.
    func changes(from source: String, to copy: String, permissions: Bool) throws -> String {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/rsync")
        process.arguments =
            ["-naHSc", "--itemize-changes", "--delete"] + (permissions ? [] : ["--no-perms"])
            + [self[source] + "/", self[copy] + "/"]
        let output = self["rsync-\(UInt64.random(in: 0 ... .max))"]
        try Data().write(to: URL(fileURLWithPath: output))
        process.standardOutput = FileHandle(forWritingAtPath: output)
        process.standardError = FileHandle(forWritingAtPath: output)
        try process.run()
        process.waitUntilExit()
        return String(decoding: FileManager.default.contents(atPath: output) ?? Data(), as: UTF8.self)
    }
}
