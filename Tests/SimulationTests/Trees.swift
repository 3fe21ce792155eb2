// Small random trees in memory, written to disk and compared with what is found there.

import DaftModel
import Glibc
import TestDisk

/// One entry of a tree.
struct Leaf: Equatable {
    enum Kind: Equatable {
        case directory
        case file([UInt8])
        case symlink([UInt8])
    }

    let kind: Kind
    let mode: UInt16
    let mtime: Time

    var bytes: [UInt8]? { if case .file(let bytes) = kind { bytes } else { nil } }

    /// As shown by a store, which drops write bits.
    func isShown(by other: Leaf) -> Bool { kind == other.kind }
}

/// Paths below a root without leading slash; the empty path is the root.
typealias Leaves = [[UInt8]: Leaf]

struct TreeMaker {
    private static let chunk = 4096
    private static let sizes = [0, 1, 100, 4095, 4096, 4097, 8192, 10_000, 20_000, 49_152]
    private static let oddNames: [[UInt8]] = [
        Array("two words".utf8), Array("line\nbreak".utf8), [0xff, 0xfe, 0x80], Array("-rf".utf8), Array("a@b".utf8),
        Array("ümlaut".utf8), Array("%41".utf8), [UInt8](repeating: 0x78, count: 200), Array("quote\"'".utf8),
        Array(".hidden".utf8),
    ]

    private var random: Sequence64
    /// Chunks used in several files.
    private let common: [[UInt8]]

    init(seed: UInt64) {
        var random = Sequence64(seed)
        common = (0..<3).map { _ in TreeMaker.noise(TreeMaker.chunk, &random) }
        self.random = random
    }

    mutating func tree(files: Int) -> Leaves {
        var leaves: Leaves = [[]: leaf(.directory)]
        var directories: [[UInt8]] = [[]]
        for number in 0..<Int(random.next() % 3) {
            let path = join(pick(directories), Array("d\(number)".utf8))
            leaves[path] = leaf(.directory)
            directories.append(path)
        }
        for number in 0..<files {
            let name = random.next() % 3 == 0 ? pick(TreeMaker.oddNames) : Array("f\(number)".utf8)
            let path = join(pick(directories), name)
            guard leaves[path] == nil else { continue }
            let isLink = random.next() % 8 == 0
            leaves[path] =
                isLink ? leaf(.symlink(pick([Array("../nowhere".utf8), Array("/etc".utf8), [0xff]]))) : file()
        }
        return leaves
    }

    mutating func file(atLeast size: Int = 0) -> Leaf { leaf(.file(bytes(max(size, pick(TreeMaker.sizes))))) }

    private mutating func leaf(_ kind: Leaf.Kind) -> Leaf {
        let seconds = 1_500_000_000 + Int64(random.next() % 100_000_000)
        let mtime = Time(seconds: seconds, nanoseconds: UInt32(random.next() % 1_000_000_000))
        let mode: UInt16
        switch kind {
        case .directory: mode = pick([0o755, 0o700])
        case .file: mode = pick([0o644, 0o600, 0o755, 0o444])
        case .symlink: mode = 0o777
        }
        return Leaf(kind: kind, mode: mode, mtime: mtime)
    }

    private mutating func bytes(_ size: Int) -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < size {
            switch random.next() % 6 {
            case 0: bytes += [UInt8](repeating: 0, count: TreeMaker.chunk)
            case 1: bytes += pick(common)
            default: bytes += TreeMaker.noise(TreeMaker.chunk, &random)
            }
        }
        return Array(bytes.prefix(size))
    }

    private mutating func pick<T>(_ some: [T]) -> T { some[Int(random.next() % UInt64(some.count))] }

    private static func noise(_ count: Int, _ random: inout Sequence64) -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(count)
        while bytes.count < count { withUnsafeBytes(of: random.next()) { bytes += $0 } }
        return bytes
    }
}

func join(_ directory: [UInt8], _ name: [UInt8]) -> [UInt8] {
    directory.isEmpty ? name : directory + [UInt8(ascii: "/")] + name
}

// MARK: on disk

/// Writes a tree; the root may be a file.
func write(_ leaves: Leaves, to root: String) {
    let sorted = leaves.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    for (relative, leaf) in sorted {
        withPath(root, relative) { path in
            switch leaf.kind {
            case .directory: mkdir(path, 0o700)
            case .symlink(let target):
                (target + [0]).withUnsafeBufferPointer { raw in
                    raw.withMemoryRebound(to: CChar.self) { _ = symlink($0.baseAddress!, path) }
                }
            case .file(let bytes):
                let file = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
                _ = bytes.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
                close(file)
            }
        }
    }
    for (relative, leaf) in sorted.reversed() {
        withPath(root, relative) { path in
            if case .symlink = leaf.kind {} else { chmod(path, mode_t(leaf.mode)) }
            let time = timespec(tv_sec: Int(leaf.mtime.seconds), tv_nsec: Int(leaf.mtime.nanoseconds))
            utimensat(AT_FDCWD, path, [time, time], AT_SYMLINK_NOFOLLOW)
        }
    }
}

/// Changes one byte of a file and keeps its mtime.
func overwrite(_ root: String, _ relative: [UInt8], at offset: Int, with byte: UInt8, mtime: Time) {
    withPath(root, relative) { path in
        let file = open(path, O_WRONLY)
        _ = withUnsafeBytes(of: byte) { pwrite(file, $0.baseAddress!, 1, off_t(offset)) }
        close(file)
        let time = timespec(tv_sec: Int(mtime.seconds), tv_nsec: Int(mtime.nanoseconds))
        utimensat(AT_FDCWD, path, [time, time], 0)
    }
}

/// Everything at and below `root` except `.daft`; empty if it does not exist.
func read(_ root: String) -> Leaves {
    var leaves: Leaves = [:]
    var open: [[UInt8]] = [[]]
    while let relative = open.popLast() {
        guard let leaf = readLeaf(root, relative) else { continue }
        leaves[relative] = leaf
        if leaf.kind == .directory {
            open += withPath(root, relative) { children(of: $0) }
                .filter { !relative.isEmpty || $0 != Array(".daft".utf8) }.map { join(relative, $0) }
        }
    }
    return leaves
}

private func readLeaf(_ root: String, _ relative: [UInt8]) -> Leaf? {
    withPath(root, relative) { path in
        var raw = stat()
        guard lstat(path, &raw) == 0 else { return nil }
        let kind: Leaf.Kind
        switch raw.st_mode & S_IFMT {
        case S_IFDIR: kind = .directory
        case S_IFLNK:
            var target = [UInt8](repeating: 0, count: 4096)
            let count = target.withUnsafeMutableBytes { readlink(path, $0.baseAddress!, $0.count) }
            kind = .symlink(Array(target.prefix(max(0, count))))
        default: kind = .file(bytes(of: path, count: Int(raw.st_size)))
        }
        let mtime = Time(seconds: Int64(raw.st_mtim.tv_sec), nanoseconds: UInt32(raw.st_mtim.tv_nsec))
        return Leaf(kind: kind, mode: UInt16(raw.st_mode & 0o7777), mtime: mtime)
    }
}

private func bytes(of path: UnsafePointer<CChar>, count: Int) -> [UInt8] {
    let file = open(path, O_RDONLY)
    defer { close(file) }
    var bytes = [UInt8](repeating: 0, count: count + 1)
    let found = bytes.withUnsafeMutableBytes { Glibc.read(file, $0.baseAddress!, $0.count) }
    return Array(bytes.prefix(max(0, found)))
}

private func children(of path: UnsafePointer<CChar>) -> [[UInt8]] {
    guard let stream = opendir(path) else { return [] }
    defer { closedir(stream) }
    var found: [[UInt8]] = []
    while let item = readdir(stream) {
        let name = withUnsafeBytes(of: &item.pointee.d_name) { Array($0.prefix { $0 != 0 }) }
        if name != [0x2e] && name != [0x2e, 0x2e] { found.append(name) }
    }
    return found
}

private func withPath<T>(_ root: String, _ relative: [UInt8], _ body: (UnsafePointer<CChar>) -> T) -> T {
    let path = Array(root.utf8) + (relative.isEmpty ? [] : [UInt8(ascii: "/")] + relative) + [0]
    return path.withUnsafeBufferPointer { bytes in
        bytes.withMemoryRebound(to: CChar.self) { body($0.baseAddress!) }
    }
}

/// The first differences, as text.
func differences(_ found: Leaves, from expected: Leaves) -> [String] {
    var words: [String] = []
    for path in Set(found.keys).union(expected.keys).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
        let (a, b) = (found[path], expected[path])
        if a == b { continue }
        let what =
            switch (a, b) {
            case (nil, _): "is missing"
            case (_, nil): "should not be there"
            case (let a?, let b?) where a.kind != b.kind: "has other bytes, or is of another kind"
            case (let a?, let b?): "has mode \(a.mode) and mtime \(a.mtime), not \(b.mode) and \(b.mtime)"
            }
        words.append("/\(shown(path)) \(what)")
    }
    return Array(words.prefix(5))
}
