// Options come from the command line, else from the environment.
import DaftCommand
import DaftModel
import Testing

private func options(
    _ line: String, _ environment: [String: String] = [:], table: OptionTable = .common
) throws -> Options {
    let arguments = line.split(separator: " ").map { Array($0.utf8) }
    return try Options(arguments: arguments, environment: { environment[$0].map { Array($0.utf8) } }, table: table)
}

private func words(_ line: String) -> [[UInt8]] { line.split(separator: " ").map { Array($0.utf8) } }

@Suite struct OptionsTests {
    @Test func copiesBelongToTheCommandBehindItAndToTheProgramBefore() throws {
        func read(_ words: String..., variable: String? = nil) throws -> Options {
            try Options(arguments: words.map { Array($0.utf8) }) { name in
                name == "DAFT_COPIES" ? variable.map { Array($0.utf8) } : nil
            }
        }
        let both = try read("--copies", "2", "put", "a", "--copies", "3")
        #expect(both.copies == .atLeast(2))
        #expect(try Command(arguments: both.command) == .put(sources: [[97]], host: nil, as: nil, copies: .atLeast(3)))
        #expect(try read("put", "--copies=4", "a").copies == .one)
        #expect(try read("ls", "--copies", "4", "a").copies == .atLeast(4))
        #expect(try read("ls", variable: "5").copies == .atLeast(5))
        #expect(throws: CommandError.self) { try read("ls", variable: "256") }
    }

    @Test func areNothingWhereNobodyGivesThem() throws {
        let options = try options("")
        #expect(options.command == [])
        #expect(options.store == nil && options.catalogue == nil && options.jobFile == nil)
        #expect(options.chunkSize == .standard)
        #expect(options.durable == nil)
        #expect(!options.json && !options.quiet && !options.verbose && !options.version && !options.help)
        #expect(options.progress)
    }

    @Test func compressionNeedsNoLevel() throws {
        #expect(try options("put a").compression == 0)
        #expect(try options("--compress put a").compression == 1)
        #expect(try options("--compress put a").command == words("put a"))
        #expect(try options("--compress=7 put a").compression == 7)
        #expect(try options("put a", ["DAFT_COMPRESS": "3"]).compression == 3)
        #expect(try options("put a", ["DAFT_COMPRESS": "no"]).compression == 0)
        for wrong in ["--compress=x", "--compress=20", "--compress=-1"] {
            #expect(throws: CommandError.self) { try options("\(wrong) put a") }
        }
    }

    @Test func comeFromTheCommandLine() throws {
        let options = try options("--store /s --catalogue=/c --chunk-size 1M --json -qv --no-progress --durable put a")
        #expect(options.store == Array("/s".utf8))
        #expect(options.catalogue == Array("/c".utf8))
        #expect(options.chunkSize.bytes == 1 << 20)
        #expect(options.json && options.quiet && options.verbose && !options.progress)
        #expect(options.durable == true)
        #expect(options.command == words("put a"))
    }

    @Test func comeFromTheEnvironmentToo() throws {
        let environment = [
            "DAFT_STORE": "/e", "DAFT_CHUNK_SIZE": "8K", "DAFT_JSON": "yes", "DAFT_QUIET": "0", "DAFT_DURABLE": "No",
            "DAFT_NO_PROGRESS": "1", "DAFT_CATALOGUE": "",
        ]
        let options = try options("ls", environment)
        #expect(options.store == Array("/e".utf8))
        #expect(options.chunkSize.bytes == 8192)
        #expect(options.json && !options.quiet && !options.progress)
        #expect(options.durable == false)
        #expect(options.catalogue == nil)
    }

    @Test func ofTheCommandLineWinAndTheLastOfThem() throws {
        let environment = ["DAFT_STORE": "/e", "DAFT_DURABLE": "0"]
        #expect(try options("--store /a --store /b", environment).store == Array("/b".utf8))
        #expect(try options("--durable", environment).durable == true)
    }

    @Test func stopWhereTheCommandBeginsButAreSeenBehindIt() throws {
        let late = try options("ls -l --json -- -q")
        #expect(late.json && !late.quiet)
        #expect(late.command == words("ls -l -- -q"))
        let valued = try options("put a --as --json -v")
        #expect(!valued.json && valued.verbose)
        #expect(valued.command == words("put a --as --json"))
        #expect(try options("-- ls").command == words("ls"))
        #expect(try options("put --help").help)
    }

    @Test func aJobFileMayBeStandardInput() throws {
        #expect(try options("-f -").jobFile == Array("-".utf8))
        #expect(try options("-qf job").jobFile == Array("job".utf8))
    }

    @Test func aProgramAddsItsOwn() throws {
        let table =
            OptionTable.common + [
                Option("-np", value: "N", meaning: "how many"),
                Option("--hosts", value: "A,B", variable: "DAFT_HOSTS", meaning: "which"),
            ]
        let options = try options("-np 4 status", ["DAFT_HOSTS": "a,b"], table: table)
        #expect(try options.number("-np") == 4)
        #expect(options.value("--hosts") == Array("a,b".utf8))
        #expect(options.command == words("status"))
        #expect(try options.number("--absent") == nil)
        let wrong = try Options(arguments: words("-np 0"), environment: { _ in nil }, table: table)
        let error = #expect(throws: CommandError.self) { try wrong.number("-np") }
        #expect(error?.reason == "-np: `0` is no number from 1 upwards")
    }

    @Test(
        arguments: [
            ("--stroe /s", [:], "unknown option `--stroe`: did you mean `--store`?"),
            ("-x", [:], "unknown option `-x`"),
            ("--store", [:], "--store needs a value: --store DIR"),
            ("--store=", [:], "--store needs a value: --store DIR"),
            ("--json=yes", [:], "--json takes no value"),
            ("--chunk-size 4X", [:], "--chunk-size: `4X` is no size, as 4M is"),
            ("--chunk-size 5000", [:], "--chunk-size: a chunk is a multiple of 4K and at most 16M, not `5000`"),
            ("", ["DAFT_CHUNK_SIZE": "1T"], "DAFT_CHUNK_SIZE: a chunk is a multiple of 4K and at most 16M, not `1T`"),
            ("", ["DAFT_JSON": "maybe"], "DAFT_JSON: `maybe` is neither yes nor no"),
        ] as [(String, [String: String], String)])
    func areRefusedWithTheWordThatIsWrong(line: String, environment: [String: String], message: String) {
        let error = #expect(throws: CommandError.self) { try options(line, environment) }
        #expect(error?.description == message)
    }

    @Test func behindEachEveryWordIsAnotherPrograms() throws {
        let twice = try options("-v --each=2 --hostfile h ls -v --launch -- x", table: .job)
        #expect(twice.command == words("ls -v --launch -- x"))
        #expect(try twice.number("--each") == 2)
        #expect(twice.flag("--launch") == nil)
        #expect(try options("--each -- -x", table: .job).command == words("-x"))
    }

    @Test func behindTheCommandAnOptionOfBothIsTheCommands() throws {
        let dry = try options("--launch put -n --dry-run /a", table: .job)
        #expect(dry.flag("--dry-run") == nil && dry.command == words("put -n --dry-run /a"))
    }

    @Test func whatLaunchesIsHandedOnToNobody() throws {
        let line = "--launch --dry-run --json --hostfile h -v bcast /a --servers-per-node=2 --as /b -- --launch"
        let options = try options(line, table: .job)
        #expect(options.flag("--launch") == true && options.flag("--dry-run") == true)
        #expect(options.value("--hostfile") == Array("h".utf8))
        #expect(options.forwarded == words("--json -v bcast /a --as /b -- --launch"))
        #expect(options.command == words("bcast /a --as /b -- --launch"))
        #expect(throws: CommandError.self) { try Options(arguments: words("--launch ls")) { _ in nil } }
    }
}
