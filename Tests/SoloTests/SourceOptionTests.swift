// Source options on the command line: patterns, lists, links, standard input, and dry runs.

import Foundation
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(2))) struct SourceOptionTests {
    @Test func whatIsTypedIsWhatIsStaged() throws {
        let scratch = try Scratch()
        for name in ["a.c", "a.o", "deep/b.o", "deep/keep.o"] { try scratch.write("set/\(name)", [1, 2]) }
        try scratch.write("list", Array("a.c\0deep/b.o\0".utf8))
        func names(_ words: String...) throws -> [String] {
            let run = try scratch.start(["--json"] + words).wait()
            #expect(run.status == 0 && run.errors == "", "\(run)")
            return try run.output.split(separator: "\n").compactMap { line in
                let row = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any]
                return row?["type"] as? String == "entry" ? row?["name"] as? String : nil
            }
        }
        let kept = try names("put", "-n", "--include", "keep.o", "--exclude=*.o", "set")
        #expect(kept == ["/set/a.c", "/set/deep/keep.o"])
        #expect(try names("put", "-n", "--exclude=*.o", "--include", "keep.o", "set") == ["/set/a.c"])
        #expect(try names("bcast", "--dry-run", "--files-from", "list", "-0", "set") == ["/set/a.c", "/set/deep/b.o"])
        #expect(!scratch.has("st/set"))
        let dry = try scratch.run("diffuse", "-n", "set")
        #expect(dry.output.hasPrefix("/set/a.c  2 B\n/set/a.o  2 B\n"), "\(dry)")
        #expect(dry.output.contains("\n/set: 4 files, 8 B would be read and published on "), "\(dry)")
        let checked = try checked(scratch.run("--json", "put", "-n", "set").output, in: scratch.path)
        #expect(checked.errors == "" && checked.types == ["entry", "put"], "\(checked)")
    }

    @Test func aListMayComeFromStandardInput() throws {
        let scratch = try Scratch()
        for name in ["a", "b"] { try scratch.write("set/\(name)", [1, 2]) }
        try scratch.write("list", Array("b\n".utf8))
        let put = try scratch.run("put", "--files-from=-", "set", input: scratch.path + "/list")
        #expect(put.status == 0 && put.output.hasPrefix("/set: 1 file, 2 B published"), "\(put)")
        #expect(!scratch.has("st/set/a") && scratch.has("st/set/b"))
    }

    @Test func standardInputIsPublishedUnderAName() throws {
        let scratch = try Scratch()
        try scratch.writeNoise("bytes", count: 5_000_001)
        let put = try scratch.run("put", "-", "--as", "/x/in", input: scratch.path + "/bytes")
        #expect(put.status == 0 && put.output.hasPrefix("/x/in: 1 file, 4.8 MiB published on "), "\(put)")
        #expect(try scratch.bytes("st/x/in") == scratch.bytes("bytes"))
        let nameless = try scratch.run("put", "-")
        #expect(nameless.status == 2 && nameless.errors.contains("has no name of its own: --as NAME"), "\(nameless)")
    }

    @Test(arguments: [
        (["put", "--files-from", "list", "a", "b"], "one list is for one source"),
        (["put", "-0", "a"], "goes with --files-from"), (["put", "--exclude", "a"], "put needs a SRC"),
    ])
    func whatGoesNotTogetherIsRefused(words: [String], reason: String) throws {
        let scratch = try Scratch()
        let run = try scratch.start(words).wait()
        #expect(run.status == 2 && run.errors.contains(reason), "\(run)")
    }
}
