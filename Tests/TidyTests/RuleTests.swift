// Each rule finds a violation and its line, without false positives.

import Testing

@Suite struct RuleTests {
    private func lines(_ rule: Rule, _ path: String, _ text: String) -> [Int] {
        rule.check(Source(path: path, text)).map(\.line)
    }

    @Test func aFileOf401LinesIsTooLong() {
        let full = String(repeating: "let x = 1\n", count: 400)
        #expect(lines(.fileLength, "Sources/DaftModel/A.swift", full) == [])
        #expect(lines(.fileLength, "Sources/DaftModel/A.swift", full + "let y = 1\n") == [401])
        #expect(lines(.fileLength, "docs/a.md", full + full) == [])
    }

    @Test func aFunctionOf61LinesIsTooLong() {
        func source(_ head: String, _ count: Int) -> String {
            "struct S {\n\(head) {\n\(String(repeating: "    f()\n", count: count))}\n}\n"
        }
        let path = "Sources/DaftModel/A.swift"
        for head in ["func f(_ g: () -> Int = { 1 })", "init(a: Int)", "var x: Int", "subscript(i: Int) -> Int"] {
            #expect(lines(.functionLength, path, source(head, 58)) == [])
            #expect(lines(.functionLength, path, source(head, 59)) == [2], "\(head)")
        }
        #expect(lines(.functionLength, path, source("struct T", 80)) == [])
    }

    @Test func aLineOf121ColumnsIsTooLong() {
        let line = String(repeating: "é", count: 120)
        #expect(lines(.columns, "Sources/DaftModel/A.swift", "\n" + line) == [])
        #expect(lines(.columns, "tools/a.sh", "\n" + line + "x") == [2])
    }

    @Test(arguments: ["let a = try! f()", "fatalError(\"no\")", "let t = \"\\(try! f())\""])
    func aTrapIsCaught(_ line: String) {
        #expect(lines(.traps, "Sources/daft/A.swift", "//\n" + line) == [2])
        #expect(lines(.traps, "Tests/DaftModelTests/A.swift", "//\n" + line) == [])
    }

    @Test(arguments: ["// never try! it", "if try !f() {}", "let a = \"fatalError(\"", "log.fatalError()"])
    func whatOnlyNamesATrapPasses(_ line: String) {
        #expect(lines(.traps, "Sources/daft/A.swift", line) == [])
    }

    @Test func onlyProgramsAndTheShellPrint() {
        let text = "// About.\nprint(1)\n"
        #expect(lines(.printing, "Sources/DaftEngine/A.swift", text) == [2])
        for target in ["DaftShell", "daft-bench"] {
            #expect(lines(.printing, "Sources/\(target)/A.swift", text) == [])
        }
        #expect(lines(.printing, "Sources/DaftEngine/A.swift", "out.print(1)\n") == [])
    }

    @Test(arguments: [
        "import Foundation", "@testable import Foundation", "import struct Foundation.Data", "public import Foundation",
        "let x = 1; import Foundation",
    ])
    func anImportThroughAWallIsCaught(_ line: String) {
        #expect(lines(.imports, "Sources/DaftEngine/A.swift", "import DaftModel\n" + line) == [2])
    }

    @Test(arguments: [
        ("DaftModel", "Synchronization"), ("DaftCatalogue", "CSQLite"), ("DaftCatalogue", "DaftStore"),
        ("DaftStore", "DaftLink"), ("DaftEngine", "DaftMPI"), ("DaftZMQ", "DaftStore"), ("daft", "DaftMPI"),
        ("DaftNew", "DaftModel"),
    ])
    func theWallsStandWhereTheyShould(_ target: String, _ module: String) {
        #expect(lines(.imports, "Sources/\(target)/A.swift", "import \(module)") == [1])
    }

    @Test func aTestImportsWhatItsTargetReachesAndNothingBeside() {
        let path = "Tests/DaftStoreTests/A.swift"
        #expect(lines(.imports, path, "import Testing\nimport DaftStore\nimport CSQLite\n") == [])
        #expect(lines(.imports, path, "import DaftCatalogue") == [1])
        #expect(lines(.imports, "Sources/DaftStore/A.swift", "// import Foundation\nlet a = \"import X\"") == [])
    }

    @Test func whatIsLeftForLaterIsCaught() {
        let path = "Sources/DaftModel/A.swift"
        #expect(lines(.leftovers, path, "let a = 1  // TO" + "DO: more\n") == [1])
        #expect(lines(.leftovers, "docs/a.md", "\nFIX" + "ME\n") == [2])
        #expect(lines(.leftovers, "tools/a.sh", "mktemp -d /tmp/a.XXX" + "XXX") == [])
    }

    @Test func aPathOfADevelopersMachineIsCaught() {
        #expect(lines(.developerPaths, "docs/a.md", "\nsee /wo" + "rk/me/daft\n") == [2])
        #expect(lines(.developerPaths, "docs/a.md", "put /lustre/wo" + "rk/set1") == [])
    }

    @Test func aLinkThatLeadsNowhereIsCaught() {
        let rule = Rule.links { $0 == "docs/there.md" || $0 == "docs/../README.md" }
        let good = "[a](there.md#part) [b](../README.md) [c](#here) [d](https://example.org/x)\n```\n[e](no.md)\n```\n"
        #expect(lines(rule, "docs/a.md", good) == [])
        #expect(lines(rule, "docs/a.md", good + "[f](there.md) and [g](gone.md)") == [5])
    }
}
