// Shown names cannot harm a terminal and can be typed back.
import DaftModel
import Testing

@Suite struct ShownTests {
    @Test(arguments: ["", "plain text", "/set/ü/名", "it's \"quoted\" @#!", "👩🚀"])
    func printableTextStays(text: String) {
        #expect(shown(text.utf8) == text)
    }

    @Test func controlsAndBackslashesAreEscaped() {
        #expect(shown("a\nb\tc\\d".utf8) == "a\\nb\\tc\\\\d")
        #expect(shown("\r\u{1b}[0m\u{7f}\0".utf8) == "\\x0d\\x1b[0m\\x7f\\x00")
        #expect(shown("\u{85}\u{9b}31m".utf8) == "\\xc2\\x85\\xc2\\x9b31m")
    }

    @Test func whatTurnsTextRoundIsEscaped() {
        #expect(shown("\u{202e}gnp.exe".utf8) == "\\xe2\\x80\\xaegnp.exe")
        #expect(shown("\u{2066}x\u{2069}".utf8) == "\\xe2\\x81\\xa6x\\xe2\\x81\\xa9")
        #expect(shown("a\u{200b}b\u{feff}".utf8) == "a\\xe2\\x80\\x8bb\\xef\\xbb\\xbf")
    }

    @Test(
        arguments: [
            ([0xff], "\\xff"),
            ([0x61, 0xc3], "a\\xc3"),
            ([0xc3, 0x28], "\\xc3("),
            ([0x80, 0xc3, 0xa9], "\\x80é"),
            ([0xc0, 0xaf], "\\xc0\\xaf"),
            ([0xe0, 0x80, 0xaf], "\\xe0\\x80\\xaf"),
            ([0xed, 0xa0, 0x80], "\\xed\\xa0\\x80"),
            ([0xf4, 0x90, 0x80, 0x80], "\\xf4\\x90\\x80\\x80"),
            ([0xe2, 0x82, 0x61], "\\xe2\\x82a"),
        ] as [([UInt8], String)])
    func bytesThatAreNoTextAreEscapedOneByOne(bytes: [UInt8], text: String) {
        #expect(shown(bytes) == text)
    }

    @Test func jsonEscapesWhatSteersATerminalOrTurnsTextRound() {
        #expect(quotedForJSON("a\u{9b}\u{202e}\u{2066}\u{7f}ü名") == #""a\u009b\u202e\u2066\u007fü名""#)
        #expect(quotedForJSON("\u{e0041}") == #""\udb40\udc41""#)
    }

    @Test func differentBytesLookDifferent() {
        var dice = SeededNumbers(seed: 3)
        var seen: [String: [UInt8]] = [:]
        let alphabet: [UInt8] = [0x5c, 0x6e, 0x78, 0x61, 0x0a, 0xc3, 0xa9, 0x30, 0xe2, 0x80, 0xae]
        for _ in 0..<20_000 {
            let bytes = (0..<Int.random(in: 0...5, using: &dice)).map { _ in alphabet.randomElement(using: &dice)! }
            let before = seen.updateValue(bytes, forKey: shown(bytes))
            #expect(before == nil || before == bytes)
        }
    }
}
