// Commands are parsed as intended, or refused with a reason and a suggestion.
import DaftCommand
import DaftModel
import Testing

private func command(_ line: String) throws -> Command { try Command(line: line.utf8) }
private func command(_ arguments: [String]) throws -> Command {
    try Command(arguments: arguments.map { Array($0.utf8) })
}
private func bytes(_ text: String) -> [UInt8] { Array(text.utf8) }
private func name(_ text: String) -> Name { (try? Name(text)) ?? .root }
private func put(_ sources: String..., at host: String? = nil, as name: Name? = nil) -> Command {
    .put(sources: sources.map(bytes), host: host, as: name)
}

/// Parses the words both as a line and as arguments.
private func expect(_ line: String, _ expected: Command, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(try command(line) == expected, sourceLocation: sourceLocation)
    let arguments = line.split(separator: " ").map(String.init)
    #expect(try command(arguments) == expected, sourceLocation: sourceLocation)
}

@Suite struct CommandTests {
    @Test func putTakesSourcesAHostAndAName() throws {
        try expect("put a", put("a"))
        try expect("put a /b/c ../d/", put("a", "/b/c", "../d/"))
        try expect("put a --as x/y/", put("a", as: name("/x/y")))
        try expect("put --as=/x a@n3", put("a", at: "n3", as: name("/x")))
        try expect("put a b @n3", put("a", "b", at: "n3"))
        try expect("put a@n1 b", put("a@n1", "b"))
        try expect("put -- --as -x", put("--as", "-x"))
        try expect("put ./-x ./-", put("./-x", "./-"))
        try expect("put - --as /x", put("-", as: name("/x")))
        #expect(try command("put 'a b' c\\ d") == put("a b", "c d"))
        #expect(try command("put \\xff\\n") == .put(sources: [[0xff, 0x0a]], host: nil, as: nil))
    }

    @Test func anAtSignIsPartOfAFileWhereItIsQuotedOrNoHostFollows() throws {
        #expect(try command("put 'a@n3'") == put("a@n3"))
        #expect(try command("put a\\@n3") == put("a@n3"))
        #expect(try command("put 'a@b'@n3") == put("a@b", at: "n3"))
        #expect(try command("put a@\"n3\"") == put("a", at: "n3"))
        try expect("put a@b@", put("a@b"))
        try expect("put a@@", put("a@"))
        try expect("put a@b@n3", put("a@b", at: "n3"))
        try expect("put d@2/f", put("d@2/f"))
        try expect("put a@b@host-1.example_x:2", put("a@b", at: "host-1.example_x:2"))
        try expect("put a @", put("a"))
    }

    @Test func diffuseAndBcastTakeNoHost() throws {
        try expect("diffuse a b", .diffuse(sources: [bytes("a"), bytes("b")], as: nil))
        try expect("diffuse a@n3 --as x", .diffuse(sources: [bytes("a@n3")], as: name("/x")))
        try expect("bcast a /n", .bcast([bytes("a"), bytes("/n")], as: nil, shared: false))
        try expect("bcast --shared a", .bcast([bytes("a")], as: nil, shared: true))
    }

    @Test func fetchGetAndCatTakeNames() throws {
        try expect("fetch set/a /b@n2", .fetch([name("/set/a"), name("/b")], host: "n2"))
        try expect("fetch /b @n2", .fetch([name("/b")], host: "n2"))
        try expect("get a b --to ../x/", .get([name("/a"), name("/b")], to: bytes("../x/")))
        try expect("get a", .get([name("/a")], to: nil))
        try expect("gather o /p --to d", .gather([bytes("o"), bytes("/p")], to: bytes("d"), as: nil, merged: false))
        try expect(
            "gather --merge o --to d --as x", .gather([bytes("o")], to: bytes("d"), as: name("/x"), merged: true))
        try expect("get a --bwlimit 1K", .get([name("/a")], to: nil, limit: ByteRate(1024)))
        try expect("fetch --bwlimit=0 /b", .fetch([name("/b")], host: nil))
        try expect("cat a@b", .cat(name("/a@b")))
        try expect("stat /", .stat(.root))
        #expect(try command("cat '/a b'") == .cat(name("/a b")))
    }

    @Test(arguments: [
        ("ls", Listing.names), ("ls -l", .long), ("ls -n", .nodes), ("ls -c", .chunks), ("ls -lc", .chunksHere),
        ("ls -c -l", .chunksHere), ("ls -cl", .chunksHere), ("ls -l -l", .long),
    ])
    func lsHasFiveListings(line: String, listing: Listing) throws {
        try expect(line, .ls([], listing))
        try expect(line + " a", .ls([name("/a")], listing))
    }

    @Test func theOthersTakeLittleOrNothing() throws {
        try expect("tree", .tree(.root))
        try expect("tree a/", .tree(name("/a")))
        try expect("verify", .verify([]))
        try expect("verify a b", .verify([name("/a"), name("/b")]))
        try expect("status", .status(everySeconds: nil))
        try expect("status --watch", .status(everySeconds: 2))
        try expect("status --watch=5m", .status(everySeconds: 300))
        try expect("ls -lh a", .ls([name("/a")], .long, human: true))
        try expect("repair", .repair)
        try expect("leave n3:2", .leave(host: "n3:2"))
        try expect("leave @n3", .leave(host: "n3"))
        try expect("help", .help(nil))
        try expect("help ls", .help(.ls))
        try expect("help !", .help(.shell))
        try expect("wait", .wait(seconds: 60))
        try expect("wait --timeout 5m", .wait(seconds: 300))
        try expect("exit", .exit)
        try expect("bye", .exit)
        try expect("quit", .quit)
        try expect("cd", .cd(.root))
        try expect("pwd", .pwd)
    }

    @Test func behindCdNamesBeginThere() throws {
        func there(_ line: String) throws -> Command { try Command(line: line.utf8, in: name("/set/a")) }
        #expect(try there("get b /c") == .get([name("/set/a/b"), name("/c")], to: nil))
        #expect(try there("put x --as y") == .put(sources: [bytes("x")], host: nil, as: name("/set/a/y")))
        #expect(try there("ls") == .ls([name("/set/a")], .names))
        #expect(try there("tree") == .tree(name("/set/a")))
        // Without a name, everything is meant.
        #expect(try there("verify") == .verify([]))
        #expect(try there("cd ..") == .cd(name("/set")))
        #expect(try there("cd ../../../x/./y/") == .cd(name("/x/y")))
        #expect(try there("cd b") == .cd(name("/set/a/b")))
        #expect(try there("cd /") == .cd(.root))
    }

    @Test func aBlankLineOrACommentIsNothing() throws {
        for line in ["", "   ", "# put a", "  # x", "\r"] { #expect(try command(line) == .nothing) }
        #expect(try command([]) == .nothing)
    }

    @Test func anExclamationMarkGivesTheRestToTheShell() throws {
        #expect(try command("!ls -l 'x # y") == .shell(bytes("ls -l 'x # y")))
        #expect(try command("  !  ls ") == .shell(bytes("ls ")))
        #expect(try command(["!ls", "-l"]) == .shell(bytes("ls -l")))
    }

    @Test(arguments: [
        ("bast x", "column 1: unknown command `bast`: did you mean `bcast`?"),
        ("  sl", "column 3: unknown command `sl`: did you mean `ls`?"),
        ("exi", "column 1: unknown command `exi`: did you mean `exit`?"),
        ("frobnicate", "column 1: unknown command `frobnicate`"),
        ("a\\nb", "column 1: unknown command `a\\nb`"),
        ("help gte", "column 6: unknown command `gte`: did you mean `get`?"),
        ("put", "put needs a SRC\nusage: put SRC…[@HOST] [--as NAME] [--copies K]"),
        ("put @n3", "put needs a SRC\nusage: put SRC…[@HOST] [--as NAME] [--copies K]"),
        (
            "put a --sa b",
            "column 7: unknown option `--sa`: did you mean `--as`?\nusage: put SRC…[@HOST] [--as NAME] [--copies K]"
        ),
        ("put a --as", "column 7: --as needs a value: --as NAME"),
        ("put a --as=", "column 7: --as needs a value: --as NAME"),
        ("put a b --as c", "column 9: --as: one name is for one source"),
        ("put a --as ../b", "column 7: `../b`: a name has no . or .. in it"),
        ("put a ''", "column 7: an empty word\nusage: put SRC…[@HOST] [--as NAME] [--copies K]"),
        ("gather a", "gather needs --to DIR\nusage: gather [--merge] PATH… --to DIR [--as NAME]"),
        ("cat", "cat needs a NAME\nusage: cat NAME"),
        ("cat a b", "column 7: `b` is one too many\nusage: cat NAME"),
        (
            "serve",
            "column 1: `serve` is a word of the program daft-run alone, and stands by itself: `daft-run --launch serve`"
        ),
        ("help start", "column 6: `start` and `join` are words of the program daft alone: `daft start --help`"),
        (
            "rm /a",
            "column 1: names are neither removed nor changed; a store that nothing runs on can be "
                + "removed as a whole, with its .mds"
        ),
        ("status now", "column 8: `now` is one too many\nusage: status [--watch[=TIME]]"),
        ("put a --copies 0", "column 7: --copies: `0` is no number from 1 to 255"),
        ("diffuse --copies=x a", "column 9: --copies: `x` is no number from 1 to 255"),
        ("leave a/b", "column 7: `a/b` is no name of a node"),
        ("get a//b", "column 5: `a//b`: a name has no empty parts"),
        ("stat .daft/x", "column 6: `.daft/x`: /.daft is daft's own"),
        ("ls -lx", "column 4: unknown option `-lx`: did you mean `-l`?\nusage: ls [-l] [-n] [-c] [-h] [NAME…]"),
        ("ls -ln", "column 4: -n: goes with no other option of ls"),
        ("quit 'a", "column 6: the quote ' is not closed"),
        ("!", "nothing follows the !\nusage: !COMMAND"),
        ("'!' ls", "`!` counts only unquoted, where a line begins"),
    ])
    func aWrongLineIsRefusedWithWhatWasMeant(line: String, message: String) throws {
        let error = #expect(throws: CommandError.self) { try command(line) }
        #expect(error?.description == message)
        #expect(error?.failure.exitStatus == 2)
    }

    @Test func anyWordsAreACommandOrRefused() {
        var dice = SeededNumbers(seed: 8)
        let pieces = [
            "put", "ls", "-l", "--as", "--as=", "@", "@h", "a@b", "'", "\"", "\\", "#", "!", "--", "-", "/", "\0",
        ]
        var understood = 0
        for _ in 0..<20_000 {
            let count = Int.random(in: 0...5, using: &dice)
            let words = (0..<count).map { _ in pieces.randomElement(using: &dice)! }
            understood += (try? command(words)) == nil ? 0 : 1
            understood += (try? command(words.joined(separator: " "))) == nil ? 0 : 1
        }
        #expect(understood > 0)
    }
}

@Suite struct HelpTests {
    @Test(arguments: [
        (Verb.put, "put SRC…[@HOST] [--as NAME] [--copies K]"), (.diffuse, "diffuse SRC… [--as NAME] [--copies K]"),
        (.bcast, "bcast [--shared] SRC…|NAME… [--as NAME]"), (.fetch, "fetch NAME…[@HOST]"),
        (.get, "get NAME… [--to PATH]"), (.sbcast, "sbcast [-f, --force] [-p, --preserve] SRC DEST"),
        (.gather, "gather [--merge] PATH… --to DIR [--as NAME]"),
        (.cat, "cat NAME"), (.ls, "ls [-l] [-n] [-c] [-h] [NAME…]"),
        (.stat, "stat NAME"), (.tree, "tree [NAME]"), (.verify, "verify [NAME…]"), (.repair, "repair"),
        (.leave, "leave HOST"), (.status, "status [--watch[=TIME]]"),
        (.help, "help [COMMAND]"), (.shell, "!COMMAND"), (.comment, "# comment"), (.quit, "quit"),
        (.wait, "wait [--timeout TIME]"), (.exit, "exit"),
        (.cd, "cd [NAME]"), (.pwd, "pwd"),
    ])
    func everyCommandHasItsSynopsis(verb: Verb, synopsis: String) {
        #expect(verb.shape.synopsis == synopsis)
        #expect(verb.shape.verb == verb)
        #expect(Verb.overview.contains("    \(synopsis) "))
        #expect(verb.shape.help.contains(verb.shape.purpose))
        #expect(!verb.shape.details.isEmpty)
    }

    @Test func everyOptionIsExplained() {
        #expect(Verb.put.shape.help.contains("    --as NAME          the name to publish it under"))
        #expect(Verb.ls.shape.help.contains("-c  every chunk"))
        #expect(OptionTable.common.help.contains("-q, --quiet  "))
        #expect(OptionTable.common.help.contains("[DAFT_CHUNK_SIZE]"))
    }

    @Test func helpFitsATerminal() {
        let lines =
            Verb.allCases.flatMap { $0.shape.help.split(separator: "\n") } + Verb.overview.split(separator: "\n")
        #expect(lines.filter { $0.count > 110 }.isEmpty)
    }
}
