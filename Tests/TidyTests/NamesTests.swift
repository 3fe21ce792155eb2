// Violations of the name rules are found, without false positives.

import Testing

@Suite struct NamesTests {
    private func wrong(_ file: String, _ text: String) -> [Int] {
        Rule.names.check(Source(path: "Sources/DaftStore/\(file).swift", text)).map(\.line)
    }

    @Test func aFileNamedByAGerundIsCaught() {
        #expect(wrong("Placing", "// x\n") == [1])
        #expect(wrong("CString", "// x\n") == [] && wrong("Placement", "// x\n") == [])
    }

    @Test func aMetaphorIsCaughtWhereATypeHasItsName() {
        #expect(wrong("A", "// Vigil\npublic final class VigilKeeper: Sendable {\n}\n") == [2])
        #expect(wrong("A", "let x = \"struct Vigil\"\n    struct Vigil {}\nprivate struct Vigil {}\n") == [])
    }

    @Test func aNameThatTwoModulesGiveIsCaught() {
        let first = Source(path: "Sources/DaftStore/A.swift", "struct Row {}\nstruct Other {}\n")
        let again = Source(path: "Sources/DaftSQL/B.swift", "public struct Row: Sendable {}\n")
        let program = Source(path: "Sources/daft-bench/C.swift", "struct Row {}\n")
        #expect(sharedTypeNames(in: [first, again]) == ["Row: Sources/DaftSQL/B.swift, Sources/DaftStore/A.swift"])
        #expect(sharedTypeNames(in: [first, program]) == [])
    }
}
