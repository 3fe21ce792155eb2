// `daft-run serve` and `daft`, as users type them.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.serialized, .timeLimit(.minutes(2))) struct ServeTests {
    @Test func clientsPutLookGetAndEndTheSystem() throws {
        let job = try Job()
        let bytes = try noise(9_000_000)
        try job.write("set/big", bytes)
        try job.write("set/small", Data("hello\n".utf8))
        try job.serve()

        let put = try job.daft("put", "../set", below: "/sub")
        #expect(put.status == 0 && put.output.hasPrefix("/set: 2 files"), "\(put)")
        #expect(try job.daft("ls", "/set").output == "/set/big\n/set/small\n")
        #expect(try job.daft("ls", at: job.store + ".1").output == "/set\n")
        #expect(try job.daft("cat", "/set/small").output == "hello\n")
        let get = try job.daft("get", "/set", below: "/sub", at: job.store + ".1")
        #expect(get.status == 0, "\(get)")
        #expect(try job.bytes("sub/set/big") == bytes)
        #expect(try job.daft("get", "/set/small", "--to", "copy").status == 0)
        #expect(try job.bytes("copy") == Data("hello\n".utf8))
        let fetch = try job.daft("fetch", "/set", at: job.store + ".1")
        #expect(fetch.status == 0, "\(fetch)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: job.store + ".1/set/big")) == bytes)
        #expect(try job.daft("bcast", "set/small", "--as", "/b").status == 0)
        #expect(try job.daft("status").output.contains("2 alive"))
        #expect(try job.daft("cat", "/none").status == 3)

        // The metadata server has a door too, for when rank 0 is on a node without a data server.
        #expect(try job.daft("--catalogue", job.store + ".mds", "ls", at: job.path + "/none").status == 0)

        #expect(try job.daft("quit", at: job.store + ".1").status == 0)
        let ended = try job.ended()
        #expect(ended.status == 0, "\(ended)")
        let late = try job.daft("ls")
        #expect(late.status == 6 && late.errors.contains("daft-run serve"), "\(late)")
    }

    @Test func linesOfStandardInputAreCommandsAtTheDoor() throws {
        let job = try Job()
        try job.serve()
        try job.write("a b", Data("x".utf8))
        try job.write("lines", Data("put 'a b'\n# no\n!echo here\nls\ncat /none\nhelp quit\nnonsense\nquit\nls\n".utf8))
        let lines = try job.start([], input: job.path + "/here/lines").wait()
        #expect(lines.status == 3)
        #expect(lines.output.contains("here\n/a b\nquit\n"), "\(lines)")
        #expect(lines.errors.contains("standard input:5: cat: /none: "), "\(lines)")
        #expect(lines.errors.contains("standard input:7: column 1: unknown command"), "\(lines)")
        #expect(try job.ended().status == 0)
    }

    @Test func aClientsStandardInputIsReadByTheDataServerOfItsNode() throws {
        let job = try Job()
        let bytes = try noise(5_000_000)
        try job.write("bytes", bytes)
        try job.write("set/a", Data("a".utf8))
        try job.write("set/b", Data("b".utf8))
        try job.write("list", Data("b\n".utf8))
        try job.write("lines", Data("put - --as /x\n".utf8))
        try job.serve()
        let put = try job.start(["put", "-", "--as", "/in"], input: job.path + "/here/bytes").wait()
        #expect(put.status == 0 && put.output.hasPrefix("/in: 1 file"), "\(put)")
        #expect(try Data(contentsOf: URL(fileURLWithPath: job.store + "/in")) == bytes)
        let listed = try job.start(["put", "--files-from", "-", "set"], input: job.path + "/here/list").wait()
        #expect(listed.status == 0 && listed.output.hasPrefix("/set: 1 file"), "\(listed)")
        #expect(try job.daft("ls", "/set").output == "/set/b\n")
        let lines = try job.start([], input: job.path + "/here/lines").wait()
        #expect(lines.status == 2 && lines.errors.contains("is where the commands come from"), "\(lines)")
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func waitReturnsWhenTheSystemServesAndFailsWhereNoneComes() throws {
        let job = try Job()
        let none = try job.daft("wait", "--timeout", "2s")
        #expect(none.status == 6 && none.errors.contains("waited 2 s"), "\(none)")
        #expect(none.errors.contains("waiting for a data server of the store"), "\(none)")
        // Started before the system.
        let waiting = try job.start(["wait"])
        try job.serve()
        #expect(waiting.wait().status == 0)
        #expect(try job.daft("wait", "--timeout", "1s").status == 0)
        let asked = try job.daft("wait", at: job.store + ".1")
        #expect(asked.status == 0 && asked.errors.isEmpty, "\(asked)")
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func aCommandWaitsForASystemThatIsStarting() throws {
        let job = try Job()
        // A data server opens its store before its door.
        try FileManager.default.createDirectory(
            atPath: job.store + "/.daft", withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
        let lock = open(job.store + "/.daft/lock", O_RDWR | O_CREAT, 0o600)
        #expect(flock(lock, LOCK_EX) == 0)
        let client = try job.start(["ls"])
        usleep(1_500_000)
        #expect(!client.hasEnded)
        close(lock)
        try job.serve()
        let ended = client.wait()
        #expect(ended.status == 0 && ended.errors.contains("waiting for a data server"), "\(ended)")
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func exitLeavesTheClientAndQuitSaysWhatItEnds() throws {
        let job = try Job()
        try job.serve()
        try job.write("lines", Data("exit\nquit\n".utf8))
        let left = try job.start([], input: job.path + "/here/lines").wait()
        #expect(left.status == 0 && left.errors.contains("the system goes on"), "\(left)")
        #expect(try job.daft("ls").status == 0)
        let quit = try job.daft("quit")
        #expect(quit.status == 0 && quit.errors.contains("the system ends: 2 data servers on"), "\(quit)")
        #expect(try job.ended().status == 0)
    }

    @Test func inAJobTheAdviceIsAJobs() throws {
        let path = "/tmp/daft-advice-test-\(UInt64.random(in: 0 ... .max))"
        let client = try Running(
            builtProgram("daft"), ["ls"], in: "/tmp", variables: ["DAFT_STORE=\(path)", "SLURM_JOB_ID=7"],
            input: "/dev/null", output: "\(path).out", errors: "\(path).err")
        defer { for end in [".out", ".err"] { try? FileManager.default.removeItem(atPath: path + end) } }
        let ended = client.wait()
        #expect(ended.status == 6 && ended.errors.contains("`daft-run --launch serve &`"), "\(ended)")
        #expect(!ended.errors.contains("daft start"), "\(ended)")
    }

    @Test func whatIsWrongWithACommandIsSaidWithoutASystem() throws {
        let job = try Job()
        #expect(try job.daft("--version").output.hasPrefix("daft "))
        #expect(try job.daft("--help").status == 0)
        #expect(try job.daft("help", "get").output.hasPrefix("get "))
        #expect(try job.daft("get").status == 2)
        #expect(try job.daft("nonsense").status == 2)
        #expect(try job.daft("--chunk-size", "4M", "ls").status == 2)
        let start = Date()
        #expect(try job.daft("ls").status == 6)
        #expect(Date().timeIntervalSince(start) < 2)
    }

    @Test func statusShowsWhatOtherClientsHaveUnderWay() throws {
        let job = try Job()
        try job.write("big", try noise(160_000_000))
        try job.serve()
        let put = try job.start(["put", "big", "--as", "/staged"], at: job.store + ".1")
        var seen = ""
        while !put.hasEnded, !seen.contains("put big --as /staged") { seen = try job.daft("status").output }
        let line = try #require(seen.split(separator: "\n").last)
        #expect(line.contains("put big --as /staged") && line.contains("20"), "\(seen)")
        var (bytes, said) = ([Int](), "")
        while !put.hasEnded {
            let status = try job.daft("--json", "status").output
            said += status
            let rows = try status.split(separator: "\n").compactMap {
                try JSONSerialization.jsonObject(with: Data($0.utf8)) as? [String: Any]
            }
            for row in rows where row["type"] as? String == "command" {
                #expect(row["command"] as? String == "put big --as /staged")
                #expect((row["milliseconds"] as? Int ?? -1) >= 0 && (row["since"] as? String)?.hasPrefix("20") == true)
                bytes.append(row["bytes"] as? Int ?? -1)
            }
        }
        #expect(!bytes.isEmpty && bytes == bytes.sorted() && (bytes.last ?? 0) > 0, "\(bytes)")
        #expect(put.wait().status == 0)
        let checked = try checked(said, in: job.path)
        #expect(checked.errors == "" && checked.types.contains("command"), "\(checked)")
        #expect(try !job.daft("status").output.contains("since"))
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }

    @Test func manyClientsAtOnceEachGetTheirOwn() throws {
        let job = try Job()
        try job.serve()
        for number in 0..<8 { try job.write("f\(number)", Data("\(number)\n".utf8) + noise(100_000 * (number + 1))) }
        let puts = try (0..<8).map { number in
            try job.start(["put", "f\(number)"], at: job.store + (number.isMultiple(of: 2) ? "" : ".1"))
        }
        for put in puts { #expect(put.wait().status == 0) }
        let gets = try (0..<8).map { number in
            try job.start(["get", "/f\(number)", "--to", "g\(number)"], at: job.store + (number < 4 ? "" : ".1"))
        }
        let lists = try (0..<8).map { _ in try job.start(["ls"]) }
        for get in gets { #expect(get.wait().status == 0) }
        for list in lists { #expect(list.wait().output == (0..<8).map { "/f\($0)\n" }.joined()) }
        for number in 0..<8 { #expect(try job.bytes("g\(number)") == job.bytes("f\(number)")) }
        #expect(try job.daft("quit").status == 0)
        #expect(try job.ended().status == 0)
    }
}
