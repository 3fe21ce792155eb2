// Output for people and programs: sizes, colours, redrawn terminals, JSON, logs.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite struct OutputTests {
    @Test func everyObjectIsAsTheSchemaHasIt() throws {
        let scratch = try Scratch()
        try scratch.write("set/a", Array("some text".utf8))
        try scratch.writeNoise("set/deep/b", count: 9 << 20)
        try scratch.write("other", Array("others".utf8))
        try FileManager.default.createSymbolicLink(
            atPath: scratch.path + "/set/link", withDestinationPath: "nowhere")
        mkdir(scratch.path + "/set/\u{e9}", 0o755)
        mkfifo(scratch.path + "/set/pipe", 0o644)
        _ = withUnsafeBytes(of: UInt8(0xff)) { name in
            FileManager.default.createFile(
                atPath: scratch.path + "/set/odd" + String(decoding: name, as: UTF8.self), contents: Data())
        }
        try scratch.write(
            "job",
            Array(
                """
                put set
                put other --as /set/a
                diffuse other --as /d
                bcast /set/deep --as /no
                bcast /set
                repair
                fetch /d@n0
                get /set --to out
                get /none --to out
                gather none --to here
                gather set --to here
                sbcast other copy
                sbcast other copy
                ls /
                ls -l /set
                ls -c /set
                ls -n
                stat /set/deep/b
                stat /set/link
                stat /set
                tree
                status
                verify
                leave n1
                ls -n

                """.utf8))
        let ended = try scratch.run("--hosts", "n0,n1", "--json", "-f", "job")
        let checked = try checked(ended.output, in: scratch.path)
        #expect(checked.errors == "", "\(ended)")
        // Running commands and starts have tests of their own.
        #expect(try knownTypes().subtracting(checked.types) == ["command", "started"], "\(checked.types)")
    }

    @Test func sizesAreExactOrAsPeopleReadThem() throws {
        let scratch = try Scratch()
        try scratch.writeNoise("set/a", count: 3 << 20)
        #expect(try scratch.run("put", "set").output.contains("1 file, 3.0 MiB published"))
        #expect(try scratch.run("--bytes", "put", "set").output.contains("1 file, 3145728 B published"))
        #expect(try scratch.run("ls", "-l", "/set").output.contains("  3145728  "))
        #expect(try scratch.run("ls", "-lh", "/set").output.contains("  3.0 MiB  "))
        #expect(try scratch.run("ls", "-ch", "/set/a").output.contains("  3.0 MiB  "))
        #expect(try scratch.run("--bytes", "ls", "-lh", "/set").output.contains("  3.0 MiB  "))
        #expect(try scratch.run("status").output.contains("contents      1, 3.0 MiB\n"))
        #expect(try scratch.run("--bytes", "status").output.contains("contents      1, 3145728 B\n"))
    }

    @Test func coloursAreOnATerminalAloneAndNotWhereNoneAreWanted() throws {
        let scratch = try Scratch()
        try scratch.write("set/a", [1])
        #expect(try scratch.run("put", "set").status == 0)
        let coloured = try scratch.onTerminal(["TERM=xterm"], "ls", "-l", "/")
        #expect(coloured.contains("\u{1b}[01;34m/set\u{1b}[0m"), "\(coloured)")
        #expect(coloured.contains("drwx"))
        for variables in [["TERM=xterm", "NO_COLOR=1"], ["TERM=dumb"], []] {
            let plain = try scratch.onTerminal(variables, "ls", "-l", "/")
            #expect(plain.contains("/set") && !plain.contains("\u{1b}"), "\(variables): \(plain)")
        }
        #expect(try !scratch.onTerminal(["TERM=xterm"], "--json", "ls", "/").contains("\u{1b}"))
        #expect(try !scratch.run("ls", "-l", "/").output.contains("\u{1b}"))
    }

    @Test func aWatchDrawsOneScreenAnewUntilItIsInterrupted() throws {
        let scratch = try Scratch()
        // Three samples, if it starts within 1.8 s.
        let terminal = try scratch.onTerminal(["TERM=xterm"], "status", "--watch=2", interruptedAfter: 5.8)
        #expect(terminal.components(separatedBy: "\u{1b}[H").count == 4, "\(terminal)")
        #expect(terminal.contains("rank\u{1b}[0m  \u{1b}[01mnode") && terminal.contains("\u{1b}[01min\u{1b}[0m"))
        #expect(!terminal.contains("stopped by"), "\(terminal)")
        let running = try scratch.start(["--json", "status", "--watch=1"], output: scratch.path + "/watched")
        running.wait { looks((try? scratch.bytes("watched")) ?? Data()) == 3 }
        running.signal(SIGINT)
        let ended = running.wait()
        #expect(ended.status == 130 && ended.errors == "", "\(ended)")
        #expect(looks(Data(ended.output.utf8)) == 3, "\(ended)")
        #expect(try checked(ended.output, in: scratch.path).errors == "")
        #expect(try scratch.run("status", "--watch=soon").status == 2)
    }

    @Test func eachRankHasALogWithALineForEachEvent() throws {
        let scratch = try Scratch()
        try scratch.write("set/a b", Array("text".utf8))
        #expect(try scratch.run("--log", "logs", "--hosts", "n0,n1", "bcast", "set").status == 0)
        #expect(try scratch.run("--log", "logs", "--hosts", "n0,n1", "get", "/none").status == 3)
        let logs = try FileManager.default.contentsOfDirectory(atPath: scratch.path + "/logs").sorted()
        #expect(logs == ["daft-n0-0.log", "daft-n0-1.log", "daft-n1-2.log"])
        let form = try Regex(
            #"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z (error|warning|info) [a-z.]+( [a-z]+=([!-~]+|"[^"]*"))*"#)
        for log in logs {
            let lines = String(decoding: try scratch.bytes("logs/\(log)"), as: UTF8.self).split(separator: "\n")
            for line in lines { #expect(line.wholeMatch(of: form) != nil, "\(log): \(line)") }
            #expect(
                lines.count { $0.contains(" info start rank=") } == 2 && lines.count { $0.contains(" info end ") } == 2)
        }
        let server = String(decoding: try scratch.bytes("logs/daft-n0-0.log"), as: UTF8.self)
        #expect(server.contains(#" info command.begin command="bcast set""#), "\(server)")
        #expect(server.contains(" info command.end command=bcast status=0 "), "\(server)")
        #expect(server.contains(" error failure in=get kind=noSuchName "), "\(server)")
        #expect(server.contains(" info rank.joined rank=2 node=n1"), "\(server)")
        let other = String(decoding: try scratch.bytes("logs/daft-n1-2.log"), as: UTF8.self)
        #expect(
            other.contains(" info order.begin order=ingest from=0") && other.contains(" info order.end order=ingest "))
        #expect(try scratch.run("--log", "only", "--log-level", "error", "--hosts", "n0,n1", "ls").status == 0)
        #expect(try scratch.bytes("only/daft-n0-0.log").isEmpty)
        let debug = try scratch.run("--log", "much", "--log-level", "debug", "--hosts", "n0,n1", "ls")
        #expect(debug.status == 0)
        #expect(
            String(decoding: try scratch.bytes("much/daft-n0-0.log"), as: UTF8.self).contains(" debug question kind="))
    }

    @Test func aLogThatCannotBeWrittenIsSaidBeforeAnythingIsDone() throws {
        let scratch = try Scratch()
        try scratch.write("file", [1])
        let refused = try scratch.run("--log", "file/logs", "ls")
        #expect(refused.status == 1 && refused.errors == "daft: file/logs: log: Not a directory\n", "\(refused)")
        #expect(try scratch.run("--log", "logs", "--log-level", "loud", "ls").status == 2)
    }
}

/// How many samples a watch has printed as JSON.
private func looks(_ output: Data) -> Int {
    String(decoding: output, as: UTF8.self).split(separator: "\n").count { $0.hasPrefix(#"{"type":"status","#) }
}

extension Scratch {
    /// The output on an 80-column terminal, captured by `script`.
    fileprivate func onTerminal(
        _ variables: [String], _ arguments: String..., interruptedAfter seconds: Double? = nil
    ) throws -> String {
        let words = ["-u", "TERM"] + variables + [builtProgram("daft-solo"), "-np", "2", "--store", "st"] + arguments
        let line = (["env"] + words).map { "'\($0)'" }.joined(separator: " ")
        let running = try start(
            program: "/usr/bin/script",
            ["-qec", seconds == nil ? line : "timeout --foreground -s INT \(seconds ?? 0) \(line)", "/dev/null"])
        let ended = running.wait()
        #expect(ended.status == 0 || seconds != nil, "\(ended)")
        return ended.output
    }
}
