// Files in a store are edited by others, at rest or while it runs: edited files are never delivered, and missing ones
// copied again.

import DaftModel
import Foundation
import Glibc
import TestDisk
import Testing
import TestPrograms

/// Shell edits of the file $F in a store; $D is its directory, $O a file outside.
private let edits = [
    "/src/d/s1": "chmod u+w $F; printf other | dd of=$F conv=notrunc status=none",
    "/src/d/s2": "chmod u+w $F; printf more >> $F",
    "/src/d/s3": "truncate -s 1 $F",
    "/src/d/s4": "truncate -s 0 $F",
    "/src/d/s5": "cp $O $F.new; mv -f $F.new $F",
    "/src/d/s6": "rm -f $F",
    "/src/d/s7": "rm -f $F; mkdir $F; cp $O $F/in",
    "/src/d/s8": "ln -sfn $O $F",
    "/src/d/s9": "rm -f $F; mkfifo $F",
    "/src/large2": "chmod u+w $F; printf other | dd of=$F bs=1 seek=300000 conv=notrunc status=none",
    "/src/large3": "truncate -s 500000 $F",
    "/src/e/only": "mv $D $D.away",
    "/src/f/only": "mv $D $D.away; mkdir $D.other; cp $O $D.other/only; ln -s $D.other $D",
]

/// Those that leave something that is not removed.
private let inTheWay = ["/src/d/s7", "/src/d/s8", "/src/d/s9", "/src/f/only"]

extension RotTests {
    @Test(arguments: [false, true]) func aStoreThatWasEditedOffersNothingOfIt(isRunning: Bool) throws {
        var dice = Sequence64(Trials.seed)
        for _ in 0..<Trials.count(10, share: 1) {
            let system = try RotSystem(copies: 2)
            let files = try editedFiles(system, &dice)
            let script = files.map { edit($0.key, at: $0.value, other: "\(system.path)/src/d/s12") }
            try system.write("edit.sh", Data("set -e\n\(script.joined(separator: "\n"))\n".utf8))
            if !isRunning { try expectNotice(of: files, in: system) }
            let ended = try system.run(
                "ls", isRunning ? "!sh edit.sh" : "", "get / --to out", "verify", "repair", "get / --to out2")
            for out in ["out", "out2"] {
                for tree in system.trees {
                    #expect(system.compare(tree, with: "\(system.path)/\(out)/\(tree)") == .same, "\(ended)")
                }
            }
            // A running system repairs it unless something else is in its place.
            for name in isRunning ? inTheWay : [] { #expect(ended.errors.contains("verify: vm:\(name): "), "\(ended)") }
            #expect(ended.status == (isRunning ? 4 : 0), "\(ended)")
            if isRunning {
                // A directory behind a symlink does not belong to daft.
                #expect(system.wrongInStores().filter { !$0.hasSuffix(" src/f/only") } == [])
            }
        }
        Trials.report(
            "bits rot, edits", "\(edits.count) ways of editing kept files, \(isRunning ? "while it runs" : "at rest")")
    }

    /// One copy of each file.
    private func editedFiles(_ system: RotSystem, _ dice: inout Sequence64) throws -> [String: String] {
        let chunks = try system.chunks().flatMap { $0 }.filter { $0.range.lowerBound == 0 }
        var files: [String: String] = [:]
        for name in edits.keys.sorted() {
            files[name] = chunks.filter { $0.names == [name] }.randomElement(using: &dice)?.file
        }
        try #require(files.count == edits.count)
        return files
    }

    private func edit(_ name: String, at file: String, other: String) -> String {
        let directory = file.split(separator: "/", omittingEmptySubsequences: false).dropLast().joined(separator: "/")
        return "F='\(file)' D='\(directory)' O='\(other)'\n"
            + (edits[name] ?? "")
    }

    /// The start reports it, and no rank is sent there.
    private func expectNotice(of files: [String: String], in system: RotSystem) throws {
        try shell("sh '\(system.path)/edit.sh'")
        let start = try system.run("ls")
        #expect(start.status == 0)
        let kept = try system.chunks().flatMap { $0 }
        let unsaid = files.keys.filter { !start.errors.contains("warning: vm:\($0): has been ") }
        #expect(unsaid == [], "\(start.errors)")
        #expect(files.values.filter { file in kept.contains { $0.file == file } } == [])
    }
}

func shell(_ command: String) throws {
    let process = Process()
    process.executableURL = URL(fileURLWithPath: "/bin/sh")
    process.arguments = ["-c", command]
    try process.run()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(command)")
}
