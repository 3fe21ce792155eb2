// Sources for power cut tests: random trees with every feature, and their comparison.

import Foundation
import Glibc
import TestDisk

/// A directory of trees t0, t1 … with distinct files, one of which occurs twice.
struct PowerSources {
    enum Size { case large, tiny }

    private static let modes: [mode_t] = [0o644, 0o600, 0o755, 0o440]
    private static let block = 64 << 10

    let path: String
    let count: Int

    init(_ path: String, count: Int, _ size: Size, _ random: inout Sequence64) throws {
        self.path = path
        self.count = count
        for tree in 0..<count { try PowerSources.make("\(path)/t\(tree)", size, &random) }
    }

    /// Changes modes and mtimes, but no bytes.
    func change(_ random: inout Sequence64) {
        for relative in paths(below: path).reversed() where !relative.isEmpty {
            guard let state = FileState(path + relative) else { continue }
            if case .file = state.kind { PowerSources.setMode(path + relative, &random) }
            PowerSources.setTimes(path + relative, &random)
        }
    }

    private static func make(_ tree: String, _ size: Size, _ random: inout Sequence64) throws {
        try FileManager.default.createDirectory(atPath: tree + "/d/empty", withIntermediateDirectories: true)
        for file in 0..<Int.random(in: 1...3, using: &random) {
            let bytes = noise(Int.random(in: 1...9_000, using: &random), &random)
            try write(bytes, to: "\(tree)/d/small\(file)", &random)
            if file == 0 { try write(bytes, to: tree + "/twice", &random) }
        }
        try write(Data(), to: tree + "/nothing", &random)
        symlink("d/small0", tree + "/link")
        setTimes(tree + "/link", &random)
        if size == .large {
            try write(noise(Int.random(in: 100_000...2_500_000, using: &random), &random), to: tree + "/large", &random)
            let end = noise(Int.random(in: 1...90_000, using: &random), &random)
            try write(Data(count: 600_000) + end, to: tree + "/d/hole", &random)
        }
        for directory in ["/d/empty", "/d", ""] { setTimes(tree + directory, &random) }
    }

    /// A repeated block, each time with another number.
    private static func noise(_ count: Int, _ random: inout Sequence64) -> Data {
        let words = (0..<min(block, count + 7) / 8).map { _ in random.next() }
        let block = words.withUnsafeBytes { Data($0) }
        var bytes = Data(capacity: count + block.count)
        while bytes.count < count {
            bytes += withUnsafeBytes(of: random.next()) { Data($0) }
            bytes += block
        }
        return bytes.prefix(count)
    }

    private static func write(_ bytes: Data, to path: String, _ random: inout Sequence64) throws {
        try bytes.write(to: URL(fileURLWithPath: path))
        setMode(path, &random)
        setTimes(path, &random)
    }

    private static func setMode(_ path: String, _ random: inout Sequence64) {
        chmod(path, modes.randomElement(using: &random) ?? 0o644)
    }

    private static func setTimes(_ path: String, _ random: inout Sequence64) {
        let seconds = Int.random(in: 1_000_000_000...1_700_000_000, using: &random)
        let time = timespec(tv_sec: seconds, tv_nsec: Int.random(in: 0..<1_000_000_000, using: &random))
        utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
    }
}

/// One entry on disk.
struct FileState: Equatable {
    enum Kind: Equatable {
        case file(Data), directory, symlink(String)
    }

    let kind: Kind
    /// A symlink's mode does not count.
    var mode: mode_t
    let seconds: Int
    let nanoseconds: Int

    init?(_ path: String) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return nil }
        switch status.st_mode & S_IFMT {
        case S_IFREG: kind = .file(FileManager.default.contents(atPath: path) ?? Data())
        case S_IFDIR: kind = .directory
        default: kind = .symlink((try? FileManager.default.destinationOfSymbolicLink(atPath: path)) ?? "")
        }
        mode = status.st_mode & S_IFMT == S_IFLNK ? 0o777 : status.st_mode & 0o7777
        (seconds, nanoseconds) = (status.st_mtim.tv_sec, status.st_mtim.tv_nsec)
    }

    /// Its state in a store: files read-only, directories with all permissions for the owner.
    var stored: FileState {
        var stored = self
        switch kind {
        case .file: stored.mode = mode & ~0o222 | 0o400
        case .directory: stored.mode = mode | 0o700
        case .symlink: break
        }
        return stored
    }

    private var what: String {
        switch kind {
        case .file(let bytes): "a file of \(bytes.count) bytes"
        case .directory: "a directory"
        case .symlink(let target): "a symlink to \(target)"
        }
    }

    func difference(from other: FileState?) -> String? {
        guard let other else { return "is not there" }
        if self == other { return nil }
        if kind != other.kind { return "is \(other.what) of other bytes than \(what)" }
        if mode != other.mode { return "has mode \(String(other.mode, radix: 8)), not \(String(mode, radix: 8))" }
        return "has mtime \(other.seconds).\(other.nanoseconds), not \(seconds).\(nanoseconds)"
    }
}

/// All paths below a directory, with the empty path for itself.
func paths(below path: String) -> [String] {
    let names = FileManager.default.enumerator(atPath: path)?.compactMap { $0 as? String } ?? []
    return [""] + names.map { "/" + $0 }.sorted()
}

/// A line for each difference of `copy` from the tree.
func differences(of copy: String, from tree: String, isStored: Bool) -> [String] {
    paths(below: tree).compactMap { relative in
        guard let source = FileState(tree + relative) else { return nil }
        let wanted = isStored ? source.stored : source
        return wanted.difference(from: FileState(copy + relative)).map { "\(copy)\(relative) \($0)" }
    }
}

/// Files in `copy` with other bytes than in `tree`, except daft's private ones.
func halfDone(in copy: String, of tree: String) -> [String] {
    paths(below: copy).compactMap { relative in
        if relative.hasPrefix("/.daft/") || relative.hasSuffix(".daft-partial") { return nil }
        guard let found = FileState(copy + relative), case .file(let bytes) = found.kind else { return nil }
        if case .file(bytes)? = FileState(tree + relative)?.kind { return nil }
        return "\(copy)\(relative) has \(bytes.count) bytes that are not those of its name"
    }
}
