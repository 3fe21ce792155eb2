// Every command of daft-solo once, and every exit status.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(2))) struct CommandTests {
    /// A temporary directory with a small tree.
    private func scratch() throws -> Scratch {
        let scratch = try Scratch()
        try scratch.writeNoise("set/deep/a.bin", count: 9_000_001)
        try scratch.write("set/small", Array("hello\n".utf8))
        try scratch.write("set/empty", [])
        return scratch
    }

    @Test func whatIsPutStandsInTheStoreAndComesBack() throws {
        let scratch = try scratch()
        let put = try scratch.run("put", "set")
        #expect(put.status == 0)
        #expect(put.output.hasPrefix("/set: 3 files, 8.6 MiB published on "), "\(put.output)")
        #expect(put.errors == "")
        #expect(try scratch.bytes("st/set/deep/a.bin") == scratch.bytes("set/deep/a.bin"))
        #expect(!scratch.has("st.1/set/small"))
        let get = try scratch.run("get", "/set", "--to", "out")
        #expect(get.status == 0)
        #expect(get.output.hasPrefix("/set: 3 files, 8.6 MiB written to out, "))
        #expect(try scratch.bytes("out/deep/a.bin") == scratch.bytes("set/deep/a.bin"))
        let again = try scratch.run("put", "set")
        #expect(again.status == 0)
        #expect(again.output.contains(", 0 B moved, "))
    }

    @Test func whereATargetCannotBeWrittenThatIsSaidOnceWithItsNode() throws {
        let scratch = try scratch()
        #expect(try scratch.run("--hosts", "n0,n1", "put", "set").status == 0)
        for (path, reason) in [
            ("none/out", "the directory that is to hold it does not exist"),
            ("set/small", "a file is in the way of a directory"),
            ("set/small/out", "a part of the path is no directory"),
        ] {
            let get = try scratch.run("--hosts", "n0,n1", "get", "/set", "--to", path)
            #expect(get.errors == "daft: get: n0:\(path): \(reason); choose another place with --to\n", "\(get)")
            #expect(get.status == (path == "set/small" ? 4 : 1) && get.output == "")
        }
        // A conflict of one name or file does not affect the others.
        try scratch.write("out/set/small/a", [])
        let some = try scratch.run("--hosts", "n0,n1", "get", "/set", "--to", "out")
        #expect(some.errors == "daft: get: n0:out/set/small: a directory is in the way of a file\n", "\(some)")
        #expect(some.output.hasPrefix("/set: 2 files, ") && scratch.has("out/set/deep/a.bin"), "\(some)")
        try scratch.write("both/set", [])
        let both = try scratch.run("--hosts", "n0,n1", "get", "/set", "/set/small", "--to", "both")
        #expect(both.errors.hasPrefix("daft: get: n0:both/set: a file is in the way of a directory; "), "\(both)")
        #expect(scratch.has("both/small"))
    }

    @Test func getGoesIntoADirectoryThatIsThereAndBecomesOneWhereNoneIs() throws {
        let scratch = try scratch()
        try scratch.write("there/other", [])
        #expect(try scratch.run("put", "set").status == 0)
        for (path, made) in [
            ("new", "new/small"), ("there", "there/set/small"), ("slash/", "slash/set/small"), (".", "set/small"),
        ] {
            let get = try scratch.run("get", "/set", "--to", path)
            #expect(get.status == 0 && scratch.has(made), "\(path) \(get)")
            #expect(!scratch.has(".new.daft-partial"))
        }
        // The same command finds its own files.
        let again = try scratch.run("get", "/set", "--to", "new")
        #expect(again.status == 0 && again.output.contains(", 0 B moved") && !scratch.has("new/set"), "\(again)")
        #expect(try scratch.run("get", "/set/small", "--to", "new").status == 0)
        #expect(try scratch.run("get", "/set/small", "--to", "slash/other").status == 0)
        #expect(scratch.has("new/small") && scratch.has("slash/other"))
        // The root has no last component to be placed under.
        #expect(try scratch.run("get", "/", "--to", "slash").status == 0)
        #expect(scratch.has("slash/set/small") && !scratch.has("slash/set/set"))
    }

    @Test func aGetThatWasNotWholeGoesOnWhereItWas() throws {
        let scratch = try scratch()
        #expect(try scratch.run("put", "set").status == 0)
        // A directory in place of a file: the rest is written, and the tree stays marked as incomplete.
        try scratch.write("half/small/a", [])
        try scratch.write(".half.daft-partial", [])
        let first = try scratch.run("get", "/set", "--to", "half")
        #expect(first.status == 4 && scratch.has("half/deep/a.bin") && scratch.has(".half.daft-partial"), "\(first)")
        try FileManager.default.removeItem(atPath: scratch.path + "/half/small")
        let second = try scratch.run("get", "/set", "--to", "half")
        #expect(second.status == 0 && scratch.has("half/small") && !scratch.has("half/set"), "\(second)")
        #expect(!scratch.has(".half.daft-partial"))
    }

    @Test func tooLittleMemoryIsSaidAtTheStart() throws {
        let scratch = try scratch()
        func ended(_ kibibytes: Int) throws -> Ended {
            let line = "ulimit -v \(kibibytes); exec \(builtProgram("daft-solo")) --store st put set"
            return try scratch.start(program: "/bin/sh", ["-c", line]).wait()
        }
        for kibibytes in [400_000, 600_000, 800_000] {
            let refused = try ended(kibibytes)
            #expect(refused.status == 1 && refused.errors.contains("ulimit -v"), "\(kibibytes) \(refused)")
        }
        let refused = try ended(300_000)
        #expect(refused.status == 1 && refused.errors.contains("(ulimit -v), and needs "), "\(refused)")
        #expect(refused.errors.contains("raise that limit"))
        #expect(try ended(16 << 20).status == 0)
    }

    @Test func aSummaryNamesOnlyThatOfWhichSomethingWasDone() throws {
        let scratch = try scratch()
        try scratch.write("taken", [1])
        func summary(_ words: String...) throws -> String {
            let ended = try scratch.start(["--hosts", "n0,n1"] + words).wait()
            #expect(ended.status != 0 && ended.output.split(separator: "\n").count == 1, "\(ended)")
            return ended.output
        }
        try scratch.write("other/taken", [2])
        #expect(try scratch.run("--hosts", "n0,n1", "put", "taken").status == 0)
        for verb in ["put", "diffuse"] {
            #expect(try summary(verb, "other/taken", "set").hasPrefix("/set: 3 files, 8.6 MiB published on n0"))
        }
        #expect(try summary("bcast", "other/taken", "set").hasPrefix("/set: 3 files, 8.6 MiB on n0 n1, "))
        #expect(try summary("bcast", "other/taken", "/set/small").hasPrefix("/set/small: 1 file, 6 B on n0 n1, "))
        #expect(try summary("fetch", "/none", "/set/small").hasPrefix("/set/small: 1 file, 6 B brought to n0, "))
        #expect(try summary("get", "/none", "/set/small", "--to", "out").hasPrefix("/set/small: 1 file, 6 B written"))
        let json = try scratch.run("--hosts", "n0,n1", "--json", "put", "other/taken", "set/small")
        #expect(json.output.contains(#"{"type":"put","names":["/small"],"files":1,"#), "\(json)")
    }

    @Test func bcastAndFetchBringWholeCopies() throws {
        let scratch = try scratch()
        #expect(try scratch.run("bcast", "set").status == 0)
        #expect(try scratch.bytes("st.1/set/deep/a.bin") == scratch.bytes("set/deep/a.bin"))
        #expect(try scratch.run("ls", "-l", "/set").output.contains("  all 2 data servers  /set/small\n"))
        #expect(try scratch.run("--hosts", "n0,n1", "--store", "other", "put", "set@n0").status == 0)
        let fetch = try scratch.run("--hosts", "n0,n1", "--store", "other", "fetch", "/set/small@n1")
        #expect(fetch.output.hasPrefix("/set/small: 1 file, ") && fetch.output.contains(" brought to n1, "), "\(fetch)")
        #expect(try scratch.bytes("other-n1/set/small") == Data("hello\n".utf8))
    }

    @Test func diffuseSpreadsAndEveryListingShowsIt() throws {
        let scratch = try scratch()
        #expect(try scratch.run("diffuse", "set").status == 0)
        #expect(try scratch.run("ls").output == "/set\n")
        #expect(try scratch.run("ls", "/set").output == "/set/deep\n/set/empty\n/set/small\n")
        let long = try scratch.run("ls", "-l", "/set/deep").output
        #expect(
            long.wholeMatch(of: #/-rw-r--r--  9000001  \d{4}-\d\d-\d\d [\d:]{8}  3  part: .*  /set/deep/a.bin\n/#)
                != nil)
        let chunks = try scratch.run("ls", "-c", "/set/deep/a.bin").output.split(separator: "\n")
        #expect(chunks.count == 4)
        #expect(chunks[3].contains(#/2  8388608   611393  [0-9a-f]{16}  /#), "\(chunks[3])")
        let nodes = try scratch.run("ls", "-n").output.split(separator: "\n")
        #expect(nodes.count == 3)
        #expect(nodes[1].contains("  alive  "))
        #expect(
            try scratch.run("tree").output
                == "/\n└── set\n    ├── deep\n    │   └── a.bin\n    ├── empty\n    └── small\n")
        #expect(try scratch.run("stat", "/set/small").output.contains("  size     6 bytes\n"))
        #expect(
            try scratch.run("stat", "/set").output.hasSuffix(
                "  below  3 files, 1 directory, 0 symlinks\n  size   9000007 bytes (8.6 MiB)\n"))
        #expect(
            try scratch.run("--json", "stat", "/set/deep").output.contains(
                #""below":{"files":1,"directories":0,"symlinks":0,"bytes":9000001}}"#))
        #expect(try scratch.run("status").output.contains("data servers  2 alive, 0 away\n"))
        #expect(try scratch.run("cat", "/set/small").output == "hello\n")
        #expect(try scratch.run("verify").output.contains(" 0 corrupt chunks, 0 repaired\n"))
        #expect(try scratch.run("--json", "ls", "/set/small").output.hasPrefix(#"{"type":"entry","name":"/set/small""#))
    }

    @Test func eachExitStatusSaysWhatItIs() throws {
        let scratch = try scratch()
        #expect(try scratch.run("put", "set").status == 0)
        let missing = try scratch.run("put", "nothing")
        #expect(missing.status == 1)
        #expect(missing.errors.hasSuffix(":nothing: no such file or directory\n"))
        let unknown = try scratch.run("bast", "set")
        #expect(unknown.status == 2)
        #expect(unknown.errors.hasPrefix("daft: unknown command `bast`: did you mean `bcast`?\n"))
        let usage = try scratch.run("cat")
        #expect(usage.status == 2)
        #expect(usage.errors == "daft: cat needs a NAME\nusage: cat NAME\n")
        #expect(try scratch.run("cat", "/none").status == 3)
        try scratch.write("other", [1])
        let taken = try scratch.run("put", "other", "--as", "/set/small")
        #expect(taken.status == 4)
        #expect(taken.errors.hasPrefix("daft: put: /set/small: another file is published under this name"))
        #expect(try scratch.bytes("st/set/small") == Data("hello\n".utf8))
        #expect(try scratch.run("put", "other@nowhere").status == 6)
    }

    @Test(arguments: ["put", "bcast", "diffuse"])
    func whereASourceIsMissingOrTwoHaveOneNameNothingIsStaged(verb: String) throws {
        let scratch = try scratch()
        try scratch.write("other", [1])
        let missing = try scratch.run(verb, "set", "none", "gone", "other")
        #expect(missing.status != 0, "\(missing)")
        #expect(missing.errors.contains("none: no such") && missing.errors.contains("gone: no such"), "\(missing)")
        try FileManager.default.createDirectory(atPath: scratch.path + "/deep", withIntermediateDirectories: false)
        try scratch.write("deep/other", [2])
        let two = try scratch.run(verb, "set", "other", "deep/other")
        #expect(two.status == 2 && two.errors.contains("deep/other: would be /other, as "), "\(two)")
        #expect(try scratch.run("ls").output == "")
    }

    @Test(arguments: ["put", "bcast", "diffuse"]) func aSourceThatPublishesNothingIsAnError(verb: String) throws {
        let scratch = try scratch()
        #expect(mkfifo(scratch.path + "/fifo", 0o600) == 0)
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/dangling", withDestinationPath: "nowhere")
        for (source, why) in [
            ("fifo", "is a fifo"), ("/dev/null", "is a device"), ("/proc/self/status", "says that it is empty"),
            ("dangling", "leads nowhere"),
        ] {
            let ended = try scratch.run(verb, source)
            #expect(ended.status == 1 && ended.errors.contains(why), "\(ended)")
        }
        #expect(try scratch.run("ls").output == "")
    }

    @Test(arguments: ["put", "bcast", "diffuse"]) func aSymlinkThatIsNamedAsASourceIsFollowed(verb: String) throws {
        let scratch = try scratch()
        for (link, target) in [("latest", "set"), ("one", "set/small")] {
            try FileManager.default.createSymbolicLink(
                atPath: "\(scratch.path)/\(link)", withDestinationPath: target)
        }
        let ended = try scratch.run(verb, "latest", "one")
        #expect(ended.status == 0, "\(ended)")
        #expect(try scratch.run("cat", "/latest/small").output == (try scratch.run("cat", "/one").output))
        #expect(try scratch.run("stat", "/one").output.contains("file"))
    }

    @Test func sbcastReplacesNothingButAPlainFile() throws {
        let scratch = try scratch()
        #expect(mkfifo(scratch.path + "/fifo", 0o600) == 0)
        let forced = try scratch.run("sbcast", "--force", "set/small", scratch.path + "/fifo")
        #expect(forced.status == 4 && forced.errors.contains("is no plain file"), "\(forced)")
        var status = stat()
        #expect(lstat(scratch.path + "/fifo", &status) == 0 && status.st_mode & S_IFMT == S_IFIFO)
    }

    @Test func aLimitOnTheSizeOfFilesIsAFailureAndNoDeath() throws {
        let scratch = try scratch()
        try scratch.writeNoise("noise", count: 3_000_000)
        let line = "ulimit -f 2000; exec \(builtProgram("daft-solo")) --store st put noise"
        let ended = try scratch.start(program: "/bin/bash", ["-c", line]).wait()
        #expect(ended.status == 1 && ended.errors.contains("ulimit -f"), "\(ended)")
    }

    @Test func whatIsCorruptBeyondRepairIsStatusFive() throws {
        let scratch = try scratch()
        #expect(try scratch.run("put", "set").status == 0)
        // Changes bytes without changing times.
        let path = "\(scratch.path)/st/set/small"
        var before = stat()
        #expect(stat(path, &before) == 0 && chmod(path, 0o644) == 0)
        let file = try FileHandle(forWritingTo: URL(fileURLWithPath: path))
        try file.write(contentsOf: Data("HELLO\n".utf8))
        try file.close()
        #expect(utimensat(AT_FDCWD, path, [before.st_atim, before.st_mtim], 0) == 0)
        let verify = try scratch.run("verify")
        #expect(verify.status == 5, "\(verify)")
        #expect(verify.errors.contains("/set/small"))
    }

    @Test func whatAStoreDroppedAtItsStartIsSaidToBeLostUntilItIsPutAgain() throws {
        let scratch = try scratch()
        #expect(try scratch.run("put", "set").status == 0)
        #expect(chmod("\(scratch.path)/st/set/small", 0o644) == 0)
        try scratch.write("st/set/small", Array("other".utf8))
        let verify = try scratch.run("verify")
        #expect(verify.status == 5)
        let lines = verify.errors.split(separator: "\n")
        #expect(lines.first?.hasSuffix(":/set/small: has been changed in st: no longer kept there") ?? false)
        #expect(lines.last == "daft: verify: /set/small: bytes 0–5 are kept by no data server: lost; put it again")
        #expect(lines.count == 2, "\(verify)")
        #expect(try scratch.run("verify", "/set/deep").status == 0)
        #expect(try scratch.run("cat", "/set/small").status == 5)
        // Foreign files are moved aside, not deleted.
        let put = try scratch.run("put", "set")
        #expect(put.status == 0, "\(put)")
        let mark = "had been changed in its store: what stood there is in "
        let aside = put.errors.split(separator: mark).last?.split(separator: " ").first.map(String.init) ?? ""
        #expect(try scratch.bytes(aside) == Data("other".utf8), "\(put)")
        #expect(try scratch.run("verify").status == 0)
        #expect(
            try scratch.run("cat", "/set/small").output == String(decoding: scratch.bytes("set/small"), as: UTF8.self))
    }

    @Test func namesWithNewlinesAreShownEscapedAndComeBack() throws {
        let scratch = try Scratch()
        try scratch.write("odd/a\nb", [7])
        #expect(try scratch.run("put", "odd").status == 0)
        #expect(try scratch.run("ls", "/odd").output == "/odd/a\\nb\n")
        #expect(try scratch.run("get", "/odd", "--to", "out").status == 0)
        #expect(try scratch.bytes("out/a\nb") == Data([7]))
    }

    @Test func helpAndVersionNeedNoStore() throws {
        let scratch = try Scratch()
        let help = try scratch.run("--help")
        #expect(help.status == 0)
        #expect(help.output.contains("bcast [--shared] SRC…|NAME… [--as NAME]"))
        #expect(try scratch.run("help", "get").output.hasPrefix("get NAME… [--to PATH]\n"))
        #expect(try scratch.run("--version").output.wholeMatch(of: #/daft-solo \d+\.\d+\.\d+\n/#) != nil)
        #expect(!scratch.has("st"))
    }
}
