// Job files, signals, vanished readers, and stores in use: daft-solo beside other processes.

import Foundation
import Glibc
import Testing
import TestPrograms

@Suite(.timeLimit(.minutes(2))) struct JobTests {
    @Test func aJobGoesOnAfterAFailureAndEndsWithTheFirst() throws {
        let scratch = try Scratch()
        try scratch.write("file", [1, 2, 3])
        let job = """
            # a comment
            cat /none

            put file   # and one behind a command
            !test -e st/file && echo there
            !exit 7
            ls
            quit
            put nothing
            typo
            """
        try scratch.write("job", Array(job.utf8))
        for ended in [try scratch.run("-f", "job"), try scratch.run(input: "\(scratch.path)/job")] {
            #expect(ended.status == 3)
            #expect(ended.output.contains("/file: 1 file, 3 B published on "))
            #expect(ended.output.hasSuffix("there\n/file\n"), "\(ended.output)")
            #expect(ended.errors.contains(":2: cat: /none: no such name is published\n"))
            #expect(ended.errors.contains(":6: !: exit status 7\n"))
            #expect(!ended.errors.contains("nothing") && !ended.errors.contains("typo"))
        }
        #expect(
            try scratch.run("-f", "none").errors
                == "daft: none: No such file or directory\ndaft: `daft-solo --help` says more\n")
    }

    @Test func aJobFileWithALineThatIsNoCommandIsNotBegun() throws {
        let scratch = try Scratch()
        try scratch.write("file", [1])
        try scratch.write("job", Array("put file\n!bast\nls -l  --lx /\nput 'file\n".utf8))
        let ended = try scratch.run("-f", "job")
        #expect(
            ended.errors == """
                daft: job:3: column 8: unknown option `--lx`
                usage: ls [-l] [-n] [-c] [-h] [NAME…]
                daft: job:4: column 5: the quote ' is not closed
                daft: job: nothing of it was done

                """, "\(ended)")
        #expect(ended.status == 2 && ended.output == "" && !scratch.has("st"))
        try scratch.write("long", Array(String(repeating: "bast\n", count: 1_000).utf8))
        #expect(try scratch.run("-f", "long").errors.split(separator: "\n").count == 11)
    }

    @Test func linesThatAreThereOnlyWhenTheirTurnComesAreDone() throws {
        let scratch = try Scratch()
        try scratch.write("file", [1])
        try scratch.write("job", Array("!echo 'put file' >>job; echo bast >>job\n".utf8))
        let ended = try scratch.run("-f", "job")
        #expect(ended.output.hasPrefix("/file: 1 file, ") && ended.status == 2, "\(ended)")
        #expect(ended.errors == "daft: job:3: column 1: unknown command `bast`: did you mean `bcast`?\n")
        let piped = try scratch.start(
            program: "/bin/bash", ["-c", "printf 'ls\\nbast\\n' | \(builtProgram("daft-solo")) -f - --store st"]
        ).wait()
        #expect(piped.output == "/file\n" && piped.errors.hasPrefix("daft: standard input:2: column 1: "), "\(piped)")
    }

    @Test func aReaderThatHadEnoughEndsCatQuietly() throws {
        let scratch = try Scratch()
        try scratch.writeNoise("big", count: 20_000_000)
        #expect(try scratch.run("put", "big").status == 0)
        let fifo = "\(scratch.path)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let reader = open(fifo, O_RDONLY | O_NONBLOCK | O_CLOEXEC)
        let cat = try scratch.start(["cat", "/big"], output: fifo)
        var bytes: [UInt8] = [0]
        cat.wait { read(reader, &bytes, 1) == 1 }
        close(reader)
        let ended = cat.wait()
        #expect(ended.status == 0)
        #expect(ended.errors == "")
    }

    @Test func aFullDiskUnderStandardOutputIsAFailure() throws {
        let scratch = try Scratch()
        let ended = try scratch.start(["status"], output: "/dev/full").wait()
        #expect(ended.status == 1)
        #expect(ended.errors == "daft: status: standard output: No space left on device\n")
    }

    @Test func aSignalStopsAPutAndTheRerunCompletesIt() throws {
        let scratch = try Scratch()
        let size = 160 << 20
        try scratch.writeNoise("big", count: size)
        let put = try scratch.start(["put", "big"])
        put.wait {
            (try? FileManager.default.contentsOfDirectory(atPath: "\(scratch.path)/st/.daft/partial"))?.isEmpty == false
        }
        put.signal(SIGINT)
        let ended = put.wait()
        #expect(ended.status == 130)
        #expect(ended.errors.hasPrefix("daft: put: stopped by SIGINT; what came so far stays in st on "))
        #expect(ended.errors.hasSuffix("; run it again to go on\n") && ended.errors.split(separator: "\n").count == 1)
        #expect(!scratch.has("st/big"))
        #expect(try scratch.run("verify").status == 0)
        #expect(try scratch.run("put", "big").status == 0)
        #expect(try scratch.bytes("st/big") == scratch.bytes("big"))
    }

    @Test func termEndsAPromptlessWaitForCommands() throws {
        let scratch = try Scratch()
        let fifo = "\(scratch.path)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let writer = open(fifo, O_RDWR | O_CLOEXEC)
        defer { close(writer) }
        let waiting = try scratch.start([], input: fifo)
        waiting.wait { scratch.has("st.1/.daft/store.sqlite") }
        usleep(300_000)
        waiting.signal(SIGTERM)
        #expect(waiting.wait().status == 143)
    }

    @Test func aStoreInUseNamesTheProcessThatHasIt() throws {
        let scratch = try Scratch()
        let fifo = "\(scratch.path)/fifo"
        #expect(mkfifo(fifo, 0o600) == 0)
        let writer = open(fifo, O_RDWR | O_CLOEXEC)
        defer { close(writer) }
        let owner = try scratch.start([], input: fifo)
        owner.wait { scratch.has("st.mds/catalogue.sqlite-wal") }
        let second = try scratch.run("ls")
        #expect(second.status == 7)
        #expect(second.errors.contains(": in use by another daft, process \(owner.id): wait for its end"), "\(second)")
        owner.signal(SIGTERM)
        #expect(owner.wait().status == 143)
        #expect(try scratch.run("ls").status == 0)
    }
}
