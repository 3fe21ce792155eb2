// Tab completion at a prompt: commands, options, local files, and published names from the performer.

import DaftCommand
import DaftModel
import Glibc

struct Completer {
    let performer: any Performer
    /// The current name, set by `cd`.
    let base: Name

    private static let mostEntries = 1_000

    /// Completions of the word at the cursor, quoted as typed, and the word's position. Blocks.
    func candidates(for line: [UInt8]) -> (start: Int, words: [[UInt8]]) {
        let completion = LineCompletion(line)
        return (completion.start, candidates(for: completion.typed, completion.kind).map { typedWord($0) })
    }

    private func candidates(for typed: [UInt8], _ kind: LineCompletion.Kind) -> [[UInt8]] {
        switch kind {
        case .words(let words): words.map { Array($0.utf8) }.filter { $0.starts(with: typed) }.sorted(by: <)
        case .names: names(typed)
        case .files: files(typed, onlyDirectories: false)
        case .directories: files(typed, onlyDirectories: true)
        case .filesAndNames: files(typed, onlyDirectories: false) + names(typed)
        case .nothing: []
        }
    }

    private func names(_ typed: [UInt8]) -> [[UInt8]] {
        let (folder, rest) = split(typed)
        // A completion cannot report an error: offer nothing.
        let above = folder.isEmpty ? base : try? resolvedName(folder, in: base)
        guard let above, let entries = try? performer.entries(in: above, atMost: Completer.mostEntries) else {
            return []
        }
        return offered(entries.map { (Array($0.name.last), $0.isDirectory) }, below: folder, rest)
    }

    private func files(_ typed: [UInt8], onlyDirectories: Bool) -> [[UInt8]] {
        let (folder, rest) = split(typed)
        guard let directory = withCString(folder.isEmpty ? [UInt8(ascii: ".")] : folder, { opendir($0) }) else {
            return []
        }
        defer { closedir(directory) }
        var found: [(name: [UInt8], isDirectory: Bool)] = []
        while let entry = readdir(directory), found.count < Completer.mostEntries {
            let name = withUnsafeBytes(of: entry.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
            if name.first == UInt8(ascii: "."), rest.first != UInt8(ascii: ".") { continue }
            guard name.starts(with: rest) else { continue }
            var status = stat()
            let isDirectory =
                withCString(name) { fstatat(dirfd(directory), $0, &status, 0) } == 0
                && status.st_mode & S_IFMT == S_IFDIR
            if isDirectory || !onlyDirectories { found.append((name, isDirectory)) }
        }
        return offered(found, below: folder, rest)
    }

    /// Splits a path after its last slash.
    private func split(_ typed: [UInt8]) -> (folder: [UInt8], rest: [UInt8]) {
        let cut = typed.lastIndex(of: Name.slash).map { $0 + 1 } ?? 0
        return (Array(typed[..<cut]), Array(typed[cut...]))
    }

    private func offered(
        _ found: [(name: [UInt8], isDirectory: Bool)], below folder: [UInt8], _ rest: [UInt8]
    ) -> [[UInt8]] {
        found.filter { $0.name.starts(with: rest) }
            .map { folder + $0.name + ($0.isDirectory ? [Name.slash] : []) }.sorted(by: <)
    }
}

private func < (x: [UInt8], y: [UInt8]) -> Bool { x.lexicographicallyPrecedes(y) }

extension Array where Element == [UInt8] {
    /// The longest common prefix.
    var commonBeginning: [UInt8] {
        guard var common = first else { return [] }
        for word in dropFirst() { common = zip(common, word).prefix { $0 == $1 }.map(\.0) }
        return common
    }
}
