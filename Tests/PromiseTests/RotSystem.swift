// A daft-solo system to be damaged at rest: published trees in three stores, the location of each chunk, and result
// checks.

import DaftCatalogue
import DaftCommand
import DaftModel
import DaftStore
import Foundation
import Glibc
import Testing
import TestPrograms

/// A chunk as kept by one store.
struct KeptChunk: Hashable {
    let file: String
    let range: Range<Int>
    /// How messages name it, for each name of its content.
    let names: [String]
    /// All zeros, and so never lost.
    let isHole: Bool
}

struct Compared: Equatable {
    static let same = Compared(wrong: [], missing: [])
    let wrong: [String]
    let missing: [String]
}

final class RotSystem {
    static let chunkBytes = 4096
    let path = "/tmp/daft-rot-test-\(UInt64.random(in: 0 ... .max))"
    /// Published trees, each under its own name.
    let trees = ["src", "wide"]
    let stores: [String]
    private let copies: Int
    private var running: [Running] = []

    /// `put` of one tree and `diffuse` of the other, for whole files and parts.
    init(copies: Int) throws {
        self.copies = copies
        stores = ["st", "st.1", "st.2"].map { [path] in "\(path)/\($0)" }
        for number in 1...12 { try write("src/d/s\(number)", noise(700 * number)) }
        for directory in ["e", "f"] { try write("src/\(directory)/only", noise(9_000)) }
        for number in 1...3 { try write("src/large\(number)", noise(600_000 + number)) }
        try write("src/again", Data(contentsOf: URL(fileURLWithPath: "\(path)/src/large1")))
        try write("src/holes", noise(30_000) + Data(count: 200_000) + noise(30_000))
        try write("src/empty", Data())
        try FileManager.default.createSymbolicLink(atPath: "\(path)/src/link", withDestinationPath: "d/s1")
        for number in 1...2 { try write("wide/w\(number)", noise(900_000 + number)) }
        let ended = try run("put src", "diffuse wide")
        try #require(ended.status == 0, "\(ended)")
    }

    deinit {
        for one in running { one.end() }
        try? FileManager.default.removeItem(atPath: path)
    }

    func write(_ name: String, _ bytes: Data) throws {
        let url = URL(fileURLWithPath: "\(path)/\(name)")
        try FileManager.default.createDirectory(at: url.deletingLastPathComponent(), withIntermediateDirectories: true)
        try bytes.write(to: url)
    }

    func remove(_ name: String) { try? FileManager.default.removeItem(atPath: "\(path)/\(name)") }

    // MARK: running

    /// Runs commands in sequence in one process.
    func run(_ commands: String..., seconds: Double = 60) throws -> Ended {
        try begin(commands).wait(seconds: seconds)
    }

    func begin(_ commands: [String]) throws -> Running {
        try write("job", Data((commands.joined(separator: "\n") + "\n").utf8))
        let number = running.count
        let words = ["-np", "3", "--store", "st", "--chunk-size", "4K", "--copies", "\(copies)", "-f", "job"]
        let one = try Running(
            builtProgram("daft-solo"), words, in: path, input: "/dev/null", output: "\(path)/.out\(number)",
            errors: "\(path)/.err\(number)")
        running.append(one)
        return one
    }

    // MARK: chunks

    /// Each chunk of each content, as kept by each store.
    func chunks() throws -> [[KeptChunk]] {
        let catalogue = try Catalogue(path: "\(path)/st.mds/catalogue.sqlite")
        defer { catalogue.close() }
        var seen: Set<ContentID> = []
        var chunks: [[KeptChunk]] = []
        let entries = try catalogue.below(.root, after: nil, limit: 1_000)
        let stores = try catalogue.stores().map { [path] in "\(path)/\(String(decoding: $0.info.path, as: UTF8.self))" }
        for content in entries.compactMap(\.entry.content) where seen.insert(content).inserted {
            let manifest = try #require(try catalogue.manifest(content))
            let (holders, names) = (
                try catalogue.holders(of: content), try catalogue.names(of: content).map(\.description)
            )
            for chunk in manifest.chunks.indices {
                let start = Int(manifest.offset(of: chunk))
                let range = start..<start + manifest.length(of: chunk)
                let keepers = Array(holders.complete) + holders.parts.filter { $0.chunks.contains(chunk) }.map(\.store)
                let kept = keepers.flatMap { files(of: content, names, in: stores[$0]) }
                let isHole = manifest.chunks[chunk] == zeroChunkID(length: range.count)
                chunks.append(kept.map { KeptChunk(file: $0, range: range, names: names, isHole: isHole) })
            }
        }
        return chunks
    }

    private func files(of content: ContentID, _ names: [String], in store: String) -> [String] {
        let named = names.map { store + $0 }.filter { access($0, F_OK) == 0 }
        return named.isEmpty ? ["\(store)/.daft/partial/\(content.hex)"] : named
    }

    // MARK: results

    /// Files of a source tree that are wrong, and those missing, in `place`.
    func compare(_ tree: String, with place: String) -> Compared {
        var (wrong, missing): ([String], [String]) = ([], [])
        for name in FileManager.default.enumerator(atPath: "\(path)/\(tree)")?.compactMap({ $0 as? String }) ?? [] {
            let (ours, theirs) = ("\(path)/\(tree)/\(name)", "\(place)/\(name)")
            guard let status = regular(ours) else { continue }
            guard regular(theirs) != nil else {
                missing.append("\(tree)/\(name)")
                continue
            }
            let isSame = FileManager.default.contents(atPath: ours) == FileManager.default.contents(atPath: theirs)
            if !isSame || status.st_size != regular(theirs)?.st_size { wrong.append("\(tree)/\(name)") }
        }
        return Compared(wrong: wrong, missing: missing)
    }

    /// Files in stores that differ from what was published.
    func wrongInStores() -> [String] {
        stores.flatMap { store in compare("src", with: store + "/src").wrong.map { "\(store): \($0)" } }
    }
}

private func regular(_ path: String) -> stat? {
    var status = stat()
    return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG ? status : nil
}

/// Flips bits of a file without any other visible change.
func flip(_ bits: [Int], of file: String) throws {
    var status = stat()
    try #require(lstat(file, &status) == 0, "\(file)")
    chmod(file, 0o600)
    let descriptor = open(file, O_RDWR | O_NOFOLLOW | O_CLOEXEC)
    try #require(descriptor >= 0, "\(file)")
    defer { close(descriptor) }
    for bit in bits {
        var byte: UInt8 = 0
        try #require(pread(descriptor, &byte, 1, off_t(bit / 8)) == 1, "\(file) \(bit)")
        byte ^= 1 << UInt8(bit % 8)
        try #require(pwrite(descriptor, &byte, 1, off_t(bit / 8)) == 1)
    }
    fchmod(descriptor, status.st_mode & 0o7777)
    let times = [status.st_atim, status.st_mtim]
    try #require(futimens(descriptor, times) == 0)
}
