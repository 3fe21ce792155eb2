// Reading commands line by line.

import DaftModel
import Foundation
import Testing

@testable import DaftShell

@Suite struct LinesTests {
    private func lines(of text: [UInt8]) throws -> Lines {
        let path = "/tmp/daft-lines-\(UInt64.random(in: 0 ... .max))"
        try Data(text).write(to: URL(fileURLWithPath: path))
        defer { try? FileManager.default.removeItem(atPath: path) }
        return try Lines(path: Array(path.utf8))
    }

    @Test func aLastLineNeedsNoNewline() throws {
        let lines = try lines(of: Array("ls\n\n put\u{ff}".utf8))
        #expect(lines.next(until: -1) == .line(Array("ls".utf8)))
        #expect(lines.next(until: -1) == .line([]))
        #expect(lines.next(until: -1) == .line(Array(" put\u{ff}".utf8)))
        #expect(lines.number == 3)
        #expect(lines.next(until: -1) == .end)
        #expect(lines.next(until: -1) == .end)
    }

    @Test func linesLongerThanTheBufferAreWhole() throws {
        let long = [UInt8](repeating: 0x61, count: 200_000)
        let lines = try lines(of: long + [0x0a] + long)
        #expect(lines.next(until: -1) == .line(long))
        #expect(lines.next(until: -1) == .line(long))
    }

    @Test func aLineWithoutEndIsRefused() throws {
        let lines = try lines(of: [UInt8](repeating: 0x61, count: Lines.longest + 1))
        guard case .failed(let failure) = lines.next(until: -1) else {
            Issue.record("a line of \(Lines.longest + 1) bytes was taken")
            return
        }
        #expect(failure.kind == .usage)
    }

    @Test func aJobFileThatIsNotThereIsAUsageError() {
        let failure = #expect(throws: Failure.self) { try Lines(path: Array("/tmp/no/such/job".utf8)) }
        #expect(failure?.exitStatus == 2)
        #expect(failure?.description == "/tmp/no/such/job: No such file or directory")
    }

    @Test func aSignalEndsTheWaitForALine() throws {
        var (input, wake): ([Int32], [Int32]) = ([0, 0], [0, 0])
        try #require(pipe(&input) == 0 && pipe(&wake) == 0)
        defer { for file in input + wake { close(file) } }
        let lines = try Lines(path: Array("/dev/fd/\(input[0])".utf8))
        #expect(write(wake[1], "x", 1) == 1)
        #expect(lines.next(until: wake[0]) == .interrupted)
        #expect(write(input[1], "ls\n", 3) == 3)
        #expect(lines.next(until: wake[0]) == .line(Array("ls".utf8)))
    }
}
