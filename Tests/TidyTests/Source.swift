// A file of the repository: its text, its lines, and its code without comments and strings.

import Foundation

struct Source {
    /// Relative to the package's root.
    let path: String
    let lines: [Substring]
    let codeLines: [Substring]
    let commentLines: [Substring]
    /// Code and strings.
    let uncommentedLines: [Substring]
    let tokens: [Token]

    init(path: String, _ text: String) {
        self.path = path
        lines = text.split(separator: "\n", omittingEmptySubsequences: false)
        let bytes = Array(text.utf8)
        let kinds = path.hasSuffix(".swift") ? Scanner.kinds(of: bytes) : bytes.map { _ in .comment }
        codeLines = Source.lines(of: bytes, kinds) { $0 == .code }
        commentLines = Source.lines(of: bytes, kinds) { $0 == .comment }
        uncommentedLines = Source.lines(of: bytes, kinds) { $0 != .comment }
        tokens = path.hasSuffix(".swift") ? Token.all(in: codeLines) : []
    }

    /// The lines, with all other bytes blanked.
    private static func lines(of bytes: [UInt8], _ kinds: [ByteKind], keep: (ByteKind) -> Bool) -> [Substring] {
        let (newline, space) = (UInt8(ascii: "\n"), UInt8(ascii: " "))
        var (kept, place) = (bytes, 0)
        while place < kept.count {
            if kept[place] != newline, !keep(kinds[place]) { kept[place] = space }
            place += 1
        }
        return String(decoding: kept, as: UTF8.self).split(separator: "\n", omittingEmptySubsequences: false)
    }

    var isSwift: Bool { path.hasSuffix(".swift") }
    var isMarkdown: Bool { path.hasSuffix(".md") }

    /// Whether it is source code, which has length limits.
    var isProgram: Bool { [".swift", ".c", ".h", ".sh"].contains { path.hasSuffix($0) } || path == ".ci/run" }

    /// Its target, and whether that is a test.
    var target: (name: String, isTest: Bool)? {
        let parts = path.split(separator: "/")
        guard parts.count > 2, parts[0] == "Sources" || parts[0] == "Tests" else { return nil }
        return (String(parts[1]), parts[0] == "Tests")
    }
}

/// A violation and its position.
struct Violation: Hashable, CustomStringConvertible {
    let path: String
    let line: Int
    let what: String

    var description: String { "\(path):\(line): \(what)" }
}

/// The repository on disk.
enum Tree {
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()

    /// Created by builds and tools.
    private static let skipped: Set<String> = [".build", ".git", ".swiftpm", ".index-build"]

    /// Every text file, sorted by path.
    static let sources: [Source] = paths(below: "").compactMap { path in
        guard let text = try? String(contentsOf: root.appending(path: path), encoding: .utf8) else { return nil }
        return Source(path: path, text)
    }

    static func exists(_ path: String) -> Bool {
        FileManager.default.fileExists(atPath: root.appending(path: path).standardizedFileURL.path)
    }

    /// The directories of targets.
    static func targets(in folder: String) -> [String] {
        children(of: folder).filter { isDirectory("\(folder)/\($0)") }
    }

    private static func children(of folder: String) -> [String] {
        let names = try? FileManager.default.contentsOfDirectory(atPath: root.appending(path: folder).path)
        return (names ?? []).sorted()
    }

    private static func isDirectory(_ path: String) -> Bool {
        (try? root.appending(path: path).resourceValues(forKeys: [.isDirectoryKey]).isDirectory) == true
    }

    private static func paths(below folder: String) -> [String] {
        children(of: folder).filter { !skipped.contains($0) }.flatMap { name in
            let path = folder.isEmpty ? name : "\(folder)/\(name)"
            return isDirectory(path) ? paths(below: path) : [path]
        }
    }
}
