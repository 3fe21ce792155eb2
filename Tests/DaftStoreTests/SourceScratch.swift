// A temporary directory for one test, and helpers to fill it.

import CLinux
import DaftModel
import Glibc
import TestDisk
import Testing

@testable import DaftStore

final class SourceScratch: Sendable {
    let path: [UInt8]

    init() throws {
        var template = Array("/tmp/daft-test-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError(code: errno, call: "mkdtemp") }
        path = template.dropLast().map { UInt8(bitPattern: $0) }
    }

    deinit { SourceScratch.remove(AT_FDCWD, path) }

    func callAsFunction(_ relative: some Collection<UInt8>) -> [UInt8] { path + [UInt8(ascii: "/")] + relative }
    func callAsFunction(_ relative: String) -> [UInt8] { self(Array(relative.utf8)) }

    func write(_ relative: String, _ bytes: [UInt8]) throws { try write(Array(relative.utf8), bytes) }

    func write(_ relative: [UInt8], _ bytes: [UInt8]) throws {
        let file = try openAt(AT_FDCWD, self(relative), O_WRONLY | O_CREAT | O_TRUNC, mode: 0o644)
        let count = try bytes.withUnsafeBytes { bytes in
            try system("write") { Glibc.write(file.number, bytes.baseAddress, bytes.count) }
        }
        #expect(count == bytes.count)
    }

    func read(_ relative: String) throws -> [UInt8] {
        let file = try openAt(AT_FDCWD, self(relative), O_RDONLY | O_NOFOLLOW)
        var bytes = [UInt8](repeating: 0, count: Int(try file.status().size))
        #expect(try bytes.withUnsafeMutableBytes { try file.read(into: $0, at: 0) } == bytes.count)
        return bytes
    }

    func makeDirectory(_ relative: String) throws {
        try withCString(self(relative)) { path in _ = try system("mkdir") { mkdir(path, 0o755) } }
    }

    func makeSymlink(_ relative: String, to target: String) throws {
        try withCString(self(relative)) { path in _ = try system("symlink") { symlink(target, path) } }
    }

    func remove(_ relative: String) throws {
        try withCString(self(relative)) { path in _ = try system("unlink") { unlink(path) } }
    }

    func status(_ relative: String) throws -> Status { try statusAt(AT_FDCWD, self(relative)) }

    func names(_ relative: String = ".") throws -> [String] {
        let listing = try SourceListing(of: try openAt(AT_FDCWD, self(relative), O_RDONLY | O_DIRECTORY))
        return (0..<listing.count).map { listing.withName($0) { _, name in shown(name) } }
    }

    func walk(_ relative: String = "") throws -> [WalkEvent] {
        try allSightings(SourceWalk(self(relative)) { _, _ in false })
    }

    func info(_ relative: String) throws -> SourceFileInfo {
        guard case .found(let found) = try walk(relative)[0], case .file(let info) = found.kind else {
            throw Failure(.missing, Array(relative.utf8), "not a file")
        }
        return info
    }

    private static func remove(_ base: Int32, _ path: [UInt8]) {
        withCString(path) { path in
            if unlinkat(base, path, 0) == 0 { return }
            fchmodat(base, path, 0o700, 0)
            let number = openat(base, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)
            guard number >= 0 else { return }
            let directory = Descriptor(number)
            if let listing = try? SourceListing(of: directory) {
                for index in 0..<listing.count { listing.withName(index) { _, name in remove(number, Array(name)) } }
            }
            unlinkat(base, path, AT_REMOVEDIR)
        }
    }
}

func allSightings(_ walk: SourceWalk, _ limit: Int = 7) -> [WalkEvent] {
    var all: [WalkEvent] = []
    while true {
        let more = walk.next(limit)
        if more.isEmpty { return all }
        #expect(more.count <= limit)
        all += more
    }
}

extension WalkEvent {
    /// `d a`, `f a/b 12`, `l a/c -> target`, `skipped …`, `failed …`.
    var line: String {
        switch self {
        case .found(let found):
            switch found.kind {
            case .directory: "d \(shown(found.relative))"
            case .file(let info): "f \(shown(found.relative)) \(info.size)"
            case .symlink(let target): "l \(shown(found.relative)) -> \(shown(target))"
            }
        case .skipped(let failure): "skipped \(shown(failure.subject.split(separator: slash).last!))"
        case .failed(let failure): "failed \(failure.kind)"
        }
    }
}

func filler(_ count: Int, seed: UInt8 = 1) -> [UInt8] {
    var random = Sequence64(UInt64(seed))
    return random.bytes(count)
}

let oddNames: [[UInt8]] = [
    Array("a b".utf8), Array("new\nline".utf8), Array("\"quoted'".utf8), Array("-rf".utf8), [0xff, 0xfe, 0x80],
    [UInt8](repeating: UInt8(ascii: "n"), count: 255), Array("ünï".utf8),
]
