// Tab completion by cursor position.

import Testing

@testable import DaftCommand

@Suite struct LineCompletionTests {
    @Test(arguments: [
        ("", 0, "", LineCompletion.Kind.words(Verb.words)),
        ("pu", 0, "pu", .words(Verb.words)),
        ("get ", 4, "", .names),
        ("get /set/a", 4, "/set/a", .names),
        ("get a b", 6, "b", .names),
        ("get a --to d", 11, "d", .files),
        ("get a --to d ", 13, "", .names),
        ("put src/fi", 4, "src/fi", .files),
        ("bcast x", 6, "x", .filesAndNames),
        ("gather out --to ", 16, "", .directories),
        ("help st", 5, "st", .words(Verb.words)),
        ("cat 'a b", 4, "a b", .names),
        ("cat a\\ b", 4, "a b", .names),
        ("cat \"x", 4, "x", .names),
        ("cd se", 3, "se", .names),
        ("quit ", 5, "", .nothing),
        ("nonsense x", 9, "x", .nothing),
        ("!ls", 0, "!ls", .nothing),
    ])
    func isWhatMayStandThere(line: String, start: Int, typed: String, kind: LineCompletion.Kind) {
        let found = LineCompletion(Array(line.utf8))
        #expect(found.start == start && found.typed == Array(typed.utf8) && found.kind == kind, "\(found)")
    }

    @Test func optionsAreThoseOfTheCommand() {
        guard case .words(let words) = LineCompletion(Array("get a --".utf8)).kind else { return #expect(Bool(false)) }
        #expect(words == Verb.get.shape.options.flatMap(\.names) && words.contains("--to"))
    }

    @Test func whatIsOfferedCanBeTyped() throws {
        for text in ["/set/a", "/a b", "/q'\"x", "/tab\there", "/b@n3", "#x", "/back\\slash", "/ä"] {
            let typed = typedWord(text.utf8)
            #expect(try words(of: typed).map(\.bytes) == [Array(text.utf8)], "\(text)")
        }
    }
}
