// A tree with everything that a filesystem allows and careless programs mishandle.

import DaftModel
import Foundation
import Glibc
import Testing

extension Scratch {
    /// Creates the tree at `relative`; returns the number of regular files.
    func makeOddTree(_ relative: String, chunk: Int) throws -> Int {
        try makeDirectory(relative)
        let root = Array((self[relative] + "/").utf8)
        var files = 0
        func file(_ name: [UInt8], _ bytes: [UInt8]) throws {
            let descriptor = open(cPath(root + name), O_WRONLY | O_CREAT | O_EXCL, 0o644)
            try #require(descriptor >= 0, "\(shown(name))")
            defer { close(descriptor) }
            try #require(Glibc.write(descriptor, bytes, bytes.count) == bytes.count)
            files += 1
        }
        for (i, size) in [0, 1, chunk - 1, chunk, chunk + 1, 7 * chunk + 3, 2 * chunk].enumerated() {
            try file(Array("size\(i)".utf8), pseudorandom(size, UInt64(i + 1)))
        }
        let names: [[UInt8]] = [
            Array("-rf".utf8), Array("--help".utf8), Array(" space ".utf8), Array("new\nline".utf8),
            Array("quote'\"`$(x)".utf8), Array("back\\slash".utf8), [0xff, 0xfe, 0x80], [0xc3, 0x28], [1, 2, 0x7f],
            [UInt8](repeating: UInt8(ascii: "x"), count: 255), Array("näme ☃".utf8), Array("...".utf8),
            Array("@host".utf8), Array("a:b".utf8), Array("*".utf8),
        ]
        for (i, name) in names.enumerated() { try file(name, pseudorandom(100 + i, UInt64(100 + i))) }
        try oddLinks(root)
        files += try oddAttributes(root, chunk: chunk)
        try oddDirectories(root)
        files += 1
        return files
    }

    private func oddLinks(_ root: [UInt8]) throws {
        for (name, target) in [
            ("dangling", "nowhere"), ("loop", "loop"), ("out", "/etc/passwd"), ("up", "../../.."),
            ("strange", "a\nb \u{7f}"), ("long", String(repeating: "x/", count: 2000)),
        ] {
            try #require(symlink(target, cPath(root + Array(name.utf8))) == 0)
        }
        try #require(symlink(cPath([0xff, 0x20]), cPath(root + Array("bytes".utf8))) == 0)
        try #require(link(cPath(root + Array("size5".utf8)), cPath(root + Array("hard".utf8))) == 0)
    }

    /// Modes, times, holes.
    private func oddAttributes(_ root: [UInt8], chunk: Int) throws -> Int {
        let modes: [mode_t] = [0o000, 0o400, 0o4755, 0o2711, 0o6777, 0o1644]
        for (i, mode) in modes.enumerated() {
            let path = root + Array("mode\(i)".utf8)
            close(open(cPath(path), O_WRONLY | O_CREAT, 0o600))
            try #require(chmod(cPath(path), mode) == 0)
        }
        let times = [(-2_177_452_800, 1), (15_032_385_535, 999_999_999), (0, 0), (1_000_000_000, 123_456_789)]
        for (i, (seconds, nanoseconds)) in times.enumerated() {
            let path = root + Array("time\(i)".utf8)
            close(open(cPath(path), O_WRONLY | O_CREAT, 0o600))
            let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
            try #require(utimensat(AT_FDCWD, cPath(path), [time, time], 0) == 0)
        }
        for (i, data) in [0, 1, 2].enumerated() {
            let descriptor = open(cPath(root + Array("sparse\(i)".utf8)), O_WRONLY | O_CREAT, 0o600)
            defer { close(descriptor) }
            try #require(ftruncate(descriptor, off_t(400 * chunk + i)) == 0)
            let bytes = pseudorandom(chunk, 77)
            for place in 0..<data { pwrite(descriptor, bytes, bytes.count, off_t((100 + 150 * place) * chunk)) }
        }
        return modes.count + times.count + 3 + 1  // plus the hard link
    }

    private func oddDirectories(_ root: [UInt8]) throws {
        try #require(mkdir(cPath(root + Array("empty".utf8)), 0o700) == 0)
        try #require(mkdir(cPath(root + Array("shut".utf8)), 0o700) == 0)
        var deep = root + Array("deep".utf8)
        try #require(mkdir(cPath(deep), 0o755) == 0)
        for level in 0..<50 {
            deep += Array("/d\(level)".utf8)
            try #require(mkdir(cPath(deep), 0o755) == 0)
        }
        let descriptor = open(cPath(deep + Array("/bottom".utf8)), O_WRONLY | O_CREAT, 0o644)
        try #require(descriptor >= 0)
        close(descriptor)
        try #require(chmod(cPath(root + Array("shut".utf8)), 0o500) == 0)
        try #require(chmod(cPath(root + Array("empty".utf8)), 0o3777) == 0)
        let past = timespec(tv_sec: 86_400, tv_nsec: 5)
        try #require(utimensat(AT_FDCWD, cPath(root + Array("empty".utf8)), [past, past], 0) == 0)
    }

    /// Disk usage of a file.
    func blocks(_ relative: String) throws -> Int {
        var status = stat()
        try #require(lstat(self[relative], &status) == 0, "\(relative)")
        return Int(status.st_blocks)
    }
}

private func cPath(_ bytes: [UInt8]) -> [CChar] { bytes.map { CChar(bitPattern: $0) } + [0] }
