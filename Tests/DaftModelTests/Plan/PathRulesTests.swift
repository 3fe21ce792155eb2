// What --exclude and --include match, pattern by pattern.
import DaftCommand
import DaftModel
import DaftPlan
import Testing

@Suite struct PathRulesTests {
    private func takes(_ pattern: String, _ path: String, includes: Bool = false) -> Bool {
        let isDirectory = path.hasSuffix("/")
        let rules = PathRules([PathRules.Rule(Array(pattern.utf8), includes: includes)])
        return rules.takes(Array((isDirectory ? String(path.dropLast()) : path).utf8), isDirectory: isDirectory)
    }

    @Test(
        arguments: [
            // Last components.
            ("a", "a", "b"), ("a", "x/a", "x/ab"), ("*.o", "x/y.o", "x/y.oo"), ("*", "x", nil), ("?", "x/y", "x/yy"),
            ("[ab]", "b", "c"), ("[!ab]", "c", "a"), ("[^ab]", "c", "a"), ("[a-c]x", "bx", "dx"), ("[]x]", "]", "y"),
            ("[a\\]]", "]", "b"), ("[[:digit:]]", "7", "a"), ("\\*", "*", "a"), ("\\*?", "*a", "ba"),
            ("a\\b", "a\\b", "ab"), ("[a", nil, "[a"), ("[[:no:]]", nil, "n"), ("a*b*c", "aXbYc", "aXc"),
            ("a-", "a-", "a"),
            // Paths.
            ("/a", "a", "x/a"), ("a/b", "x/a/b", "a/x/b"), ("/a/b", "a/b", "x/a/b"), ("a/*", "a/b", "a/b/c"),
            ("a/*", "x/a/b", "a"), ("a/?", "a/b", "a/bb"), ("/a*", "ab", "x/ab"), ("a?b", "aXb", "a/b"),
            // Across slashes.
            ("**", "a/b", nil), ("a/**", "a/b/c", "a"), ("a**c", "a/b/c", "a/b/d"), ("**/a", "a", "xa"),
            ("**/a", "x/y/a", "x/ya"), ("/**/a", "x/a", "a"), ("x**", "y/x/z", "y/z"), ("a/***", "a/b/c", "b"),
            ("a/***", "a/", "a"), ("**a", "x/ya", "x/ab"),
            // Directories.
            ("a/", "a/", "a"), ("a/", "x/a/", "x/a"), ("/a/", "a/", "x/a/"), ("*/", "x/", "x"), ("/", nil, "a"),
        ] as [(String, String?, String?)])
    func aPatternIsForWhatItIsWithRsync(pattern: String, matching: String?, other: String?) {
        if let matching { #expect(!takes(pattern, matching), "\(pattern) does not match \(matching)") }
        if let other { #expect(takes(pattern, other), "\(pattern) matches \(other)") }
    }

    @Test func theFirstThatMatchesDecides() {
        func rules(_ words: String...) -> PathRules {
            PathRules(words.map { PathRules.Rule(Array($0.dropFirst().utf8), includes: $0.first == "+") })
        }
        func taken(_ rules: PathRules) -> [String] {
            ["a.c", "b.c", "b.h"].filter { rules.takes(Array($0.utf8), isDirectory: false) }
        }
        #expect(taken(rules("+a.c", "-*.c")) == ["a.c", "b.h"])
        #expect(taken(rules("-*.c", "+a.c")) == ["b.h"])
        #expect(taken(rules("+*.c", "-*")) == ["a.c", "b.c"])
        #expect(taken(rules()) == ["a.c", "b.c", "b.h"])
    }

    /// With naive backtracking each star doubles the time.
    @Test(.timeLimit(.minutes(1))) func noPatternTakesLong() {
        let many = String(repeating: "a*", count: 200) + "b"
        let text = String(repeating: "a", count: 4_000) + "xb"
        #expect(!takes(many + "*", text) && takes(many + "c", text) && !takes("**" + many, text))
    }

    @Test func aListNamesWhatIsStaged() throws {
        let text = Array("a/b/c\n\n# no\n./d//e/\n/f\n;x\n".utf8)
        let list = try PathList(text, byZeros: false)
        #expect(list.named == Set(["a/b/c", "d/e", "f"].map { Array($0.utf8) }))
        var selection = SourceSelection()
        selection.list = list
        func takes(_ path: String, _ isDirectory: Bool) -> Bool {
            selection.takes(Array(path.utf8), isDirectory: isDirectory)
        }
        #expect(takes("", true) && takes("a", true) && takes("a/b", true) && takes("a/b/c", false) && takes("f", false))
        #expect(!takes("a", false) && !takes("b", true) && !takes("a/b/c/d", false) && !takes("# no", false))
        selection.rules = PathRules([PathRules.Rule(Array("/a/b/".utf8), includes: false)])
        #expect(!takes("a/b", true))
        #expect(selection.missing(after: [Array("f".utf8)]) == [Array("d/e".utf8)])
        #expect(try PathList("# a\nb\0c".utf8, byZeros: true).named == Set([Array("# a\nb".utf8), Array("c".utf8)]))
        #expect(throws: Failure.self) { try PathList("a/../../b".utf8, byZeros: false) }
    }

    @Test(arguments: [
        ("b", "a", false), ("../b", "d/a", false), ("../../b", "d/a", true), ("/x", "a", true), ("..", "a", true),
        ("x/../../b", "a", true), ("./.././b", "d/a", false), ("x/..", "a", false), ("", "a", false),
    ])
    func aLinkLeadsOutByItsTarget(target: String, path: String, isOut: Bool) {
        #expect(leadsOut(Array(target.utf8), of: Array(path.utf8)) == isOut)
    }
}
