// The longest possible names work everywhere, and longer ones are refused by name.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized) struct BoundsNamesTests {
    private static let longest = 4096

    @Test func aNameOf4096BytesIsPutListedBroadcastFetchedAndVerified() throws {
        let scratch = try BoundsScratch()
        let (name, bytes) = ("/deep" + longPath(BoundsNamesTests.longest - 5, "a"), Data("the longest".utf8))
        try makeFile(scratch["deep"], below: String(name.dropFirst(5)), bytes)
        let neighbour = "/deep" + longPath(BoundsNamesTests.longest - 6, "b")
        try makeFile(scratch["deep"], below: String(neighbour.dropFirst(5)), bytes)
        #expect(name.utf8.count == BoundsNamesTests.longest)
        for arguments in [
            ["put", "deep"], ["ls", "-l", name], ["stat", name], ["cat", name], ["bcast", "/deep"],
            ["diffuse", "deep"],
            ["get", "/deep", "--to", "got"], ["get", name, "--to", "one"], ["verify"], ["bcast", scratch.path + name],
        ] {
            let limited = arguments.last == scratch.path + name
            let ended = try scratch.job(limited ? arguments + ["--as", "/short"] : arguments).wait(seconds: 60)
            #expect(ended.status == 0, "\(arguments[0]): \(ended)")
            if arguments[0] == "ls" { #expect(ended.output.contains(name)) }
            if arguments[0] == "cat" { #expect(ended.output == "the longest") }
            if arguments[0] == "verify" { #expect(ended.output.contains(" 0 corrupt")) }
        }
        for root in ["store/deep", "store.1/deep", "got"] {
            for path in [name, neighbour] {
                #expect(try contents(scratch[root], below: String(path.dropFirst(5))) == bytes, "\(root)")
            }
        }
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch["one"])) == bytes)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch["store.1/short"])) == bytes)
    }

    @Test func whatIsLongerIsRefusedByNameAndTheRestIsPublished() throws {
        let scratch = try BoundsScratch()
        try makeFile(scratch["over"], below: longPath(BoundsNamesTests.longest - 4, "c"), Data("over".utf8))
        // So deep that keeping all of its paths would exhaust memory.
        try makeFile(scratch["over"], below: longPath(Trials.areAll ? 1_000_000 : 100_000, "z"), Data("far".utf8))
        try makeFile(scratch["over"], below: "/short", Data("short".utf8))
        let measured = measure(try scratch.job(["put", "over"]), below: scratch.path, seconds: 60)
        let lines = measured.ended.errors.split(separator: "\n").filter {
            $0.hasPrefix("daft: ") && !$0.contains("what came so far stays in ")
        }
        #expect(measured.ended.status == 2, "\(measured.ended.errors.suffix(500))")
        #expect(lines.count == 2 && lines.allSatisfy { $0.contains("/over/d") }, "\(lines.count) lines")
        #expect(lines.contains { $0.hasSuffix("a name has at most 4096 bytes, this has 4097") })
        #expect(lines.contains { $0.hasSuffix("; nothing below it is published") })
        #expect(measured.peakBytes <= 256 << 20)
        #expect(try Data(contentsOf: URL(fileURLWithPath: scratch["store/over/short"])) == Data("short".utf8))
        for name in ["/over" + longPath(BoundsNamesTests.longest - 4, "c"), "/" + String(repeating: "p", count: 256)] {
            let ended = try scratch.solo("put", "over/short", "--as", name)
            #expect(ended.status == 2 && ended.errors.contains("at most"), "\(ended)")
        }
        Trials.report("bounded", "names of 4,096 bytes, and a tree far deeper: \(measured.peakBytes >> 20) MiB")
    }
}

/// A path of this many bytes with its slash: directories of 255 bytes, and a file.
private func longPath(_ count: Int, _ letter: Character) -> String {
    var path = ""
    while count - path.utf8.count > 256 {
        let isTight = count - path.utf8.count == 257
        path += "/" + String(repeating: "d", count: isTight ? 254 : 255)
    }
    return path + "/" + String(repeating: letter, count: count - path.utf8.count - 1)
}

/// Creates nested directories beyond the path limit, and calls `body` with the last.
private func walk<T>(_ root: String, _ path: String, making: Bool, _ body: (Int32, String) throws -> T) throws -> T {
    if making { mkdir(root, 0o755) }
    var folder = open(root, O_RDONLY | O_DIRECTORY)
    defer { close(folder) }
    let parts = path.split(separator: "/").map(String.init)
    for part in parts.dropLast() {
        if making { mkdirat(folder, part, 0o755) }
        let next = openat(folder, part, O_RDONLY | O_DIRECTORY)
        close(folder)
        folder = next
        try #require(next >= 0)
    }
    return try body(folder, parts.last ?? "")
}

private func makeFile(_ root: String, below path: String, _ bytes: Data) throws {
    try walk(root, path, making: true) { folder, name in
        let file = openat(folder, name, O_WRONLY | O_CREAT, 0o644)
        defer { close(file) }
        try #require(bytes.withUnsafeBytes { write(file, $0.baseAddress, $0.count) } == bytes.count)
    }
}

private func contents(_ root: String, below path: String) throws -> Data {
    try walk(root, path, making: false) { folder, name in
        let file = openat(folder, name, O_RDONLY)
        defer { close(file) }
        var bytes = [UInt8](repeating: 0, count: 1000)
        let count = read(file, &bytes, bytes.count)
        return Data(bytes.prefix(max(0, count)))
    }
}
