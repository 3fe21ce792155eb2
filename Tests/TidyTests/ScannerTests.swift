// The scanner distinguishes code, comments and strings, and finds functions and imports.

import Testing

@Suite struct ScannerTests {
    /// The code of `text` without spaces.
    private func code(_ text: String) -> String {
        Source(path: "A.swift", text).codeLines.joined().filter { $0 != " " }
    }

    @Test(arguments: [
        (#"a "b { \" {" c"#, "ac"),
        (#"a "x \(b + "y" + (c)) z" d"#, "ab++(c)d"),
        (##"a #"x \(b) " \#(c) "# d"##, "acd"),
        ("a /* b /* c */ d */ e // f", "ae"),
        ("a \"\"\"\n \" { \\(b) \"\n \"\"\" c", "abc"),
        ("a #/ [^\"{] /# b", "ab"),
        ("#if a\n b \"", "#ifab"),
        ("a \"open\nb", "ab"),
        ("a \"é\" b", "ab"),
    ])
    func whatIsNoCodeIsBlanked(_ text: String, _ expected: String) {
        #expect(code(text) == expected)
    }

    @Test func linesKeepTheirNumbers() {
        let source = Source(path: "A.swift", "/* a\n b */ c\n\"\"\"\n d\n\"\"\"\ne\n")
        #expect(source.tokens.map(\.line) == [2, 6])
        #expect(source.codeLines.count == source.lines.count)
    }

    @Test func aFunctionRunsFromItsWordToItsBrace() {
        let text = """
            protocol P {
                init(a: Int) throws
                func none(_ f: () -> Void)
                var x: Int { get }
            }
            struct S {
                var stored = 1
                init() { self.init(a: 1) }
                func long(
                    _ f: () -> Void = { "}" }
                ) async {
                    if a { b() }
                }
                static func < (x: S, y: S) -> Bool { true }
                deinit {
                }
            }
            """
        let found = Source(path: "A.swift", text).functions
        #expect(
            found == [
                Function(name: "x", lines: 4...4), Function(name: "init", lines: 8...8),
                Function(name: "long", lines: 9...13), Function(name: "<", lines: 14...14),
                Function(name: "deinit", lines: 15...16),
            ])
    }
}
