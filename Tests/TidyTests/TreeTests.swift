// The repository obeys every rule.

import Foundation
import Testing

@Suite struct TreeTests {
    @Test(arguments: Rule.all)
    func everyFileKeeps(_ rule: Rule) {
        let violations = Tree.sources.flatMap(rule.check)
        #expect(violations.isEmpty, "\(violations.map(\.description).joined(separator: "\n"))")
    }

    @Test func theTreeIsFoundAndRead() {
        let paths = Set(Tree.sources.map(\.path))
        let some: Set = ["Package.swift", "README.md", ".ci/run", "Sources/DaftModel/Name.swift"]
        #expect(some.subtracting(paths) == [])
        #expect(Tree.targets(in: "Sources").contains("DaftModel"))
    }

    @Test func noTypeNameIsUsedTwice() {
        #expect(sharedTypeNames(in: Tree.sources) == [])
    }

    @Test func everyDirectoryOfSourcesHasItsWall() {
        #expect(unwalled(Tree.targets(in: "Sources")) == [])
    }

    @Test(arguments: ["Sources", "Tests"])
    func everyDirectoryIsATarget(of folder: String) throws {
        let manifest = try String(contentsOf: Tree.root.appending(path: "Package.swift"), encoding: .utf8)
        #expect(unnamed(Tree.targets(in: folder), in: manifest) == [])
    }

    @Test func noTargetReachesOpenMPIByAnyWayButItsOwn() {
        #expect(strayMPI() == [])
    }
}
