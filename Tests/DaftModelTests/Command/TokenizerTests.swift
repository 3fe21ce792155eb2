// Lines are split into words as in a shell.
import DaftCommand
import DaftModel
import Testing

private func cut(_ line: String) throws -> [String] {
    try words(of: line.utf8).map { String(decoding: $0.bytes, as: UTF8.self) }
}

@Suite struct TokenizerTests {
    @Test(
        arguments: [
            ("", []), (" \t ", []), ("# all comment", []), ("  #x", []),
            ("a b", ["a", "b"]), ("  a\t b \r", ["a", "b"]), ("a # b", ["a"]), ("a#b", ["a#b"]),
            ("'a b' c", ["a b", "c"]), ("'a\\n\"#'", ["a\\n\"#"]), ("'' a", ["", "a"]), ("a'b c'd", ["ab cd"]),
            ("\"a \\\" \\\\ b\"", ["a \" \\ b"]), ("\"it's\"", ["it's"]), ("\"\\a\"", ["\\a"]), ("\"a\\tb\"", ["a\tb"]),
            ("a\\ b", ["a b"]), ("\\#a '#b'", ["#a", "#b"]), ("\\'", ["'"]), ("a\\\\b", ["a\\b"]),
            ("a\\nb\\tc", ["a\nb\tc"]), ("\\x41\\x4a\\x4A", ["AJJ"]), ("\\xg1 \\x4", ["xg1", "x4"]),
            ("\"\\xg\"", ["\\xg"]),
            ("\\xc3\\xa9", ["é"]), ("é\u{a0}b", ["é\u{a0}b"]),
        ] as [(String, [String])])
    func areCutAsAShellCuts(line: String, words: [String]) throws {
        #expect(try cut(line) == words)
    }

    @Test(arguments: [
        ("put 'a b", "column 5: the quote ' is not closed"),
        ("é \"a\\\"", "column 3: the quote \" is not closed"),
        ("a'b'\"c", "column 5: the quote \" is not closed"),
        ("a b\\", "column 4: nothing follows the \\"),
        ("a b\\x00", "column 3: a word has no zero byte"),
        ("\0", "column 1: a word has no zero byte"),
    ])
    func saysWhereALineIsWrong(line: String, message: String) {
        let error = #expect(throws: CommandError.self) { try words(of: line.utf8) }
        #expect(error?.description == message)
    }

    @Test func rememberTheirColumnInCharacters() throws {
        #expect(try words(of: "é  'ü' b".utf8).map(\.column) == [1, 4, 8])
        #expect(Token(argument: [0x61]).column == nil)
    }

    @Test func anyBytesCanBeTypedAsTheyAreShown() throws {
        var dice = SeededNumbers(seed: 5)
        for _ in 0..<5000 {
            let bytes = (0..<Int.random(in: 0...12, using: &dice)).map { _ in UInt8.random(in: 1...255, using: &dice) }
            let typed =
                "\""
                + shown(bytes).split(separator: "\"", omittingEmptySubsequences: false)
                .joined(separator: "\\\"") + "\""
            #expect(try words(of: typed.utf8).map(\.bytes) == [bytes])
        }
    }

    @Test func anyLineIsCutOrRefused() {
        var dice = SeededNumbers(seed: 6)
        let alphabet = Array("ab\\'\" #x4@!-\n".utf8) + [0xff, 0xc3, 0x00]
        var refused = 0
        for _ in 0..<20_000 {
            let line = (0..<Int.random(in: 0...10, using: &dice)).map { _ in alphabet.randomElement(using: &dice)! }
            do throws(CommandError) {
                let words = try words(of: line)
                #expect(words.allSatisfy { !$0.bytes.contains(0) })
            } catch {
                refused += 1
                #expect((error.column ?? 0) >= 1 && error.column! <= line.count)
            }
        }
        #expect(refused > 0)
    }
}
