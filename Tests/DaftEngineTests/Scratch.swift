// Temporary directories, test files, and independent tree comparison.

import DaftModel
import Foundation
import Glibc
import Testing

/// A unique directory under /tmp, removed at the end.
final class Scratch: Sendable {
    let path: String

    init() throws {
        path = "/tmp/daft-engine-\(UInt64.random(in: 0 ... .max))"
        try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
    }

    deinit { _ = try? run("/bin/rm", "-rf", path) }

    subscript(_ relative: String) -> String { path + "/" + relative }

    func makeDirectory(_ relative: String) throws {
        try FileManager.default.createDirectory(atPath: self[relative], withIntermediateDirectories: true)
    }

    /// Writes pseudo-random bytes determined by the seed.
    @discardableResult
    func write(_ relative: String, _ size: Int, seed: UInt64 = 1) throws -> String {
        let (path, bytes) = (self[relative], pseudorandom(size, seed))
        let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
        var file = open(path, flags, 0o644)
        if file < 0, errno == ENOENT {
            try makeDirectory((relative as NSString).deletingLastPathComponent)
            file = open(path, flags, 0o644)
        }
        try #require(file >= 0, "\(path)")
        defer { close(file) }
        try #require(Glibc.write(file, bytes, size) == size, "\(path)")
        return path
    }

    func read(_ relative: String) throws -> [UInt8] {
        Array(try Data(contentsOf: URL(fileURLWithPath: self[relative])))
    }

    func exists(_ relative: String) -> Bool { FileManager.default.fileExists(atPath: self[relative]) }

    /// Changes one byte; `keepingTime`: without a visible change.
    func damage(_ relative: String, at offset: Int, keepingTime: Bool = true) throws {
        let path = self[relative]
        var status = stat()
        try #require(lstat(path, &status) == 0, "\(path)")
        let file = open(path, O_RDWR)  // as root, regardless of the mode
        try #require(file >= 0)
        defer { close(file) }
        var byte: UInt8 = 0
        try #require(pread(file, &byte, 1, off_t(offset)) == 1)
        byte ^= 0xff
        try #require(pwrite(file, &byte, 1, off_t(offset)) == 1)
        if keepingTime {
            let times = [status.st_atim, status.st_mtim]
            try #require(futimens(file, times) == 0)
        }
    }
}

/// A pointer loop with masking shifts, for speed in a debug build.
func pseudorandom(_ size: Int, _ seed: UInt64) -> [UInt8] {
    var bytes = [UInt8](repeating: 0, count: (size + 7) & ~7)
    var state = seed &* 0x9e37_79b9_7f4a_7c15 | 1
    bytes.withUnsafeMutableBytes { memory in
        let words = memory.bindMemory(to: UInt64.self)
        guard var word = words.baseAddress else { return }
        let end = word + words.count
        while word < end {
            state ^= state &<< 13
            state ^= state &>> 7
            state ^= state &<< 17
            word.pointee = state
            word += 1
        }
    }
    bytes.removeLast(bytes.count - size)
    return bytes
}

/// What rsync would change to make `b` equal `a`: empty if they are equal. Stores drop write bits.
func differences(_ a: String, _ b: String, permissions: Bool = true) throws -> String {
    let options = ["-nac", "--itemize-changes", "--modify-window=-1", "--delete"]
    return try run(["/usr/bin/rsync"] + options + (permissions ? [] : ["--no-perms"]) + [a + "/", b + "/"])
}

@discardableResult
func run(_ words: String...) throws -> String { try run(words) }

func run(_ words: [String]) throws -> String {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: words[0])
    process.arguments = Array(words.dropFirst())
    let pipe = Pipe()
    process.standardOutput = pipe
    process.standardError = pipe
    try process.run()
    let data = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: data, as: UTF8.self)
}
