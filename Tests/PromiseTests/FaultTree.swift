// A small tree with every kind of entry, and its comparison in everything that daft preserves.

import Foundation
import Glibc

struct FaultTree {
    /// The attributes of one entry.
    struct Fact: Equatable {
        let kind: mode_t
        var mode: mode_t
        let seconds: Int
        let nanoseconds: Int
        let bytes: Data
    }

    private(set) var facts: [String: Fact] = [:]

    /// Everything at and below `root`.
    init(_ root: String) {
        add(root, "")
    }

    private mutating func add(_ path: String, _ relative: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        let kind = status.st_mode & S_IFMT
        var bytes = Data()
        if kind == S_IFLNK {
            bytes = Data(((try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "").utf8)
        } else if kind == S_IFREG {
            bytes = FileManager.default.contents(atPath: path) ?? Data()
        }
        facts[relative] = Fact(
            kind: kind, mode: status.st_mode & 0o7777, seconds: status.st_mtim.tv_sec,
            nanoseconds: status.st_mtim.tv_nsec, bytes: bytes)
        guard kind == S_IFDIR else { return }
        for name in (try? FileManager.default.contentsOfDirectory(atPath: path)) ?? [] {
            add("\(path)/\(name)", "\(relative)/\(name)")
        }
    }

    /// Its state in a store: files are read-only, and readable for the owner.
    var inStore: FaultTree {
        var tree = self
        for (name, fact) in facts where fact.kind == S_IFREG { tree.facts[name]?.mode = fact.mode & ~0o222 | 0o400 }
        return tree
    }

    /// Differences from the expected state.
    func differences(from wanted: FaultTree) -> [String] {
        Set(facts.keys).union(wanted.facts.keys).sorted().compactMap { name in
            let (found, wanted) = (facts[name], wanted.facts[name])
            if found == wanted { return nil }
            return "`\(name)` is \(shown(found)), not \(shown(wanted))"
        }
    }

    /// Files with wrong bytes; unfinished files of a get have other names.
    func halfWritten(of wanted: FaultTree) -> [String] {
        facts.filter { name, fact in
            fact.kind == S_IFREG && !name.hasSuffix(".daft-partial") && fact.bytes != wanted.facts[name]?.bytes
        }.map { "`\($0.key)` is there and has other bytes" }
    }

    private func shown(_ fact: Fact?) -> String {
        guard let fact else { return "missing" }
        return "\(String(fact.kind | fact.mode, radix: 8)) of \(fact.bytes.count) bytes, "
            + "\(fact.seconds).\(fact.nanoseconds)"
    }

    /// Several chunks (one duplicated), holes, an empty file, a nested directory, a symlink.
    static func make(at root: String) throws {
        let files = FileManager.default
        try files.createDirectory(atPath: root + "/d/e", withIntermediateDirectories: true)
        let large = Data(
            (0..<50_000).flatMap { (number: UInt32) in
                withUnsafeBytes(of: number &* 2_654_435_761) { Array($0) }
            })
        try large.write(to: URL(fileURLWithPath: root + "/large"))
        try large.write(to: URL(fileURLWithPath: root + "/twin"))
        try Data(count: 300_000).write(to: URL(fileURLWithPath: root + "/zeros"))
        try Data("small\n".utf8).write(to: URL(fileURLWithPath: root + "/small"))
        try Data().write(to: URL(fileURLWithPath: root + "/empty"))
        try large.prefix(5_000).write(to: URL(fileURLWithPath: root + "/d/middle"))
        try files.createSymbolicLink(atPath: root + "/link", withDestinationPath: "small")
        chmod(root + "/d/middle", 0o640)
        chmod(root + "/d", 0o755)
        for (number, name) in ["large", "twin", "zeros", "small", "empty", "d/middle", "link", "d/e", "d", "."]
            .enumerated()
        {
            let time = timespec(tv_sec: 1_000_000_000 + number, tv_nsec: 1 + 111_111_111 * (number % 9))
            utimensat(AT_FDCWD, "\(root)/\(name)", [time, time], AT_SYMLINK_NOFOLLOW)
        }
    }

    static func touch(_ path: String) { utimensat(AT_FDCWD, path, nil, 0) }

    /// Flips a bit in the middle and restores the times.
    static func spoil(_ path: String) {
        var status = stat()
        let file = open(path, O_RDWR)
        defer { close(file) }
        guard fstat(file, &status) == 0 else { return }
        var byte: UInt8 = 0
        pread(file, &byte, 1, status.st_size / 2)
        byte ^= 1
        pwrite(file, &byte, 1, status.st_size / 2)
        futimens(file, [status.st_atim, status.st_mtim])
    }
}
