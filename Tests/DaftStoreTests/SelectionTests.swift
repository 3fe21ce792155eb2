// Walks with rules and lists select the same files as rsync.

import DaftPlan
import Foundation
import TestDisk
import Testing

@testable import DaftStore

@Suite struct SelectionTests {
    private static let names = ["a", "b", "ab", "c.o", "x y", "[z", "a-b", ".d"]
    private static let words = [
        "a", "b", "*", "?", "**", "***", "[ab]", "[!a]", "[a-c]", "a*", "*b", "?b", "c.o", "*.o", "x y", "\\[z",
        "[[]z", ".*", "a-b", "[[:alpha:]]", "\\a",
    ]

    /// Nested directories with all kinds of names.
    private func makeTree(_ scratch: SourceScratch, _ random: inout Sequence64) throws {
        func fill(_ folder: String, depth: Int) throws {
            for name in SelectionTests.names {
                switch random.next() % (depth == 0 ? 2 : 4) {
                case 0 where depth < 3:
                    try scratch.makeDirectory(folder + name)
                    try fill(folder + name + "/", depth: depth + 1)
                case 3: continue
                default: try scratch.write(folder + name, [])
                }
            }
        }
        try fill("tree/", depth: 0)
    }

    private func pattern(_ random: inout Sequence64) -> String {
        func word() -> String { SelectionTests.words[Int(random.next() % UInt64(SelectionTests.words.count))] }
        var parts = [word()]
        while random.next() % 2 == 0, parts.count < 4 { parts.append(word()) }
        let text = parts.joined(separator: random.next() % 8 == 0 ? "" : "/")
        return (random.next() % 3 == 0 ? "/" : "") + text + (random.next() % 4 == 0 ? "/" : "")
    }

    /// What rsync would copy to an empty target, relative to the root.
    private func sent(_ scratch: SourceScratch, _ options: [String]) throws -> Set<String> {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: "/usr/bin/rsync")
        let path = String(decoding: scratch.path, as: UTF8.self)
        process.arguments = ["-an", "--out-format=%n"] + options + ["\(path)/tree/", "\(path)/empty"]
        let pipe = Pipe()
        (process.standardOutput, process.standardInput) = (pipe, FileHandle.nullDevice)
        try process.run()
        let output = pipe.fileHandleForReading.readDataToEndOfFile()
        process.waitUntilExit()
        try #require(process.terminationStatus == 0)
        let lines = String(decoding: output, as: UTF8.self).split(separator: "\n")
        return Set(lines.map { $0.hasSuffix("/") ? String($0.dropLast()) : String($0) }.filter { $0 != "." })
    }

    private func walked(_ scratch: SourceScratch, _ selection: SourceSelection) throws -> Set<String> {
        var options = WalkOptions()
        options.selection = selection
        let sightings = try allSightings(SourceWalk(scratch("tree"), options) { _, _ in false })
        return Set(
            sightings.compactMap { sighting in
                guard case .found(let found) = sighting, !found.relative.isEmpty else { return nil }
                return String(decoding: found.relative, as: UTF8.self)
            })
    }

    @Test(arguments: 1...6) func rulesTakeWhatRsyncTakes(seed: UInt64) throws {
        var random = Sequence64(seed &* 7919)
        let scratch = try SourceScratch()
        for directory in ["tree", "empty"] { try scratch.makeDirectory(directory) }
        try makeTree(scratch, &random)
        for _ in 0..<60 {
            var rules: [PathRules.Rule] = []
            for _ in 0...random.next() % 4 {
                rules.append(PathRules.Rule(Array(pattern(&random).utf8), includes: random.next() % 3 == 0))
            }
            let words = rules.map { rule in
                (rule.includes ? "--include=" : "--exclude=") + String(decoding: rule.pattern, as: UTF8.self)
            }
            var selection = SourceSelection()
            selection.rules = PathRules(rules)
            let (ours, theirs) = (try walked(scratch, selection), try sent(scratch, words))
            #expect(
                ours == theirs,
                "\(words): \(ours.subtracting(theirs).sorted()) too many, \(theirs.subtracting(ours).sorted()) too few")
        }
    }

    @Test func aListTakesWhatRsyncTakes() throws {
        var random = Sequence64(5)
        let scratch = try SourceScratch()
        for directory in ["tree", "empty"] { try scratch.makeDirectory(directory) }
        try makeTree(scratch, &random)
        let all = try walked(scratch, SourceSelection()).sorted()
        for _ in 0..<20 {
            let lines = all.filter { _ in random.next() % 6 == 0 }
            try scratch.write("list", Array(lines.joined(separator: "\n").utf8))
            var selection = SourceSelection()
            selection.list = try PathList(Array(lines.joined(separator: "\n").utf8), byZeros: false)
            let path = String(decoding: scratch("list"), as: UTF8.self)
            #expect(try walked(scratch, selection) == sent(scratch, ["--files-from=" + path]))
        }
    }
}
