// sbcast with Slurm's options: one file at a user's path.

import Foundation
import Testing

@Suite(.serialized) struct SlurmBroadcastTests {
    private func run(_ scratch: borrowing Scratch, _ arguments: String...) throws -> JobEnd {
        try Job(3, "daft-run", ["--store", scratch["s"]] + arguments).end()
    }

    private func attributes(_ path: String) throws -> (mode: Int, time: Date) {
        let all = try FileManager.default.attributesOfItem(atPath: path)
        return (all[.posixPermissions] as? Int ?? 0, all[.modificationDate] as? Date ?? .distantPast)
    }

    private func isSame(_ folder: String, _ one: String, _ other: String) -> Bool {
        FileManager.default.contentsEqual(atPath: folder + "/" + one, andPath: folder + "/" + other)
    }

    @Test func theFileStandsAtItsPlaceWithItsMode() throws {
        let scratch = try Scratch()
        try scratch.makeFile("file", bytes: 9 << 20)
        let old = Date(timeIntervalSince1970: 1_000_000_000)
        try FileManager.default.setAttributes(
            [.posixPermissions: 0o750, .modificationDate: old], ofItemAtPath: scratch["file"])
        try FileManager.default.createSymbolicLink(atPath: scratch["link"], withDestinationPath: "file")
        let first = try run(scratch, "sbcast", scratch["link"], scratch["copy"])
        #expect(first.status == 0 && first.output.contains("9.0 MiB written to \(scratch["copy"]) on "), "\(first)")
        #expect(isSame(scratch.path, "file", "copy"))
        #expect(try attributes(scratch["copy"]).mode == 0o750)
        #expect(try attributes(scratch["copy"]).time > old)
        let second = try run(scratch, "sbcast", "-C", "-p", scratch["file"], scratch["kept"])
        #expect(second.status == 0, "\(second)")
        #expect(try attributes(scratch["kept"]).time == old)
        #expect(isSame(scratch.path, "file", "kept"))
    }

    @Test func whatStandsThereIsReplacedByForceAlone() throws {
        let scratch = try Scratch()
        try scratch.makeFile("file", bytes: 1_000)
        try scratch.makeFile("other", bytes: 5)
        let refused = try run(scratch, "sbcast", scratch["file"], scratch["other"])
        #expect(refused.status == 4 && refused.errors.contains("other: is there already: --force"), "\(refused)")
        #expect(!FileManager.default.fileExists(atPath: scratch["s/sbcast"]))
        #expect(try attributes(scratch["other"]).mode != 0 && !isSame(scratch.path, "file", "other"))
        let forced = try run(scratch, "sbcast", "--force", scratch["file"], scratch["other"])
        #expect(forced.status == 0 && isSame(scratch.path, "file", "other"), "\(forced)")
        let names = try FileManager.default.contentsOfDirectory(atPath: scratch.path)
        #expect(names.allSatisfy { !$0.hasPrefix(".daft") }, "\(names)")
    }

    @Test func whatCannotBeDoneIsRefusedByName() throws {
        let scratch = try Scratch()
        try scratch.makeFile("file", bytes: 10)
        let fanout = try run(scratch, "sbcast", "--fanout=2", scratch["file"], scratch["x"])
        #expect(fanout.status == 2 && fanout.errors.contains("unknown option `--fanout=2`"), "\(fanout)")
        #expect(try run(scratch, "sbcast", "--compress=lz4", scratch["file"], scratch["x"]).status == 2)
        #expect(try run(scratch, "sbcast", scratch["file"]).status == 2)
        #expect(try run(scratch, "sbcast", scratch["file"], scratch["none/x"]).errors.contains("none/x: no such file"))
        #expect(try run(scratch, "sbcast", scratch.path, scratch["x"]).errors.contains("is no plain file"))
        #expect(try run(scratch, "sbcast", scratch["file"], scratch["x/"]).status == 2)
    }
}
