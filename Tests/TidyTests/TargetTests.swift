// Violations of the target rules are found.

import Testing

@Suite struct TargetTests {
    @Test func aDirectoryWithoutAWallIsCaught() {
        #expect(unwalled(["DaftModel", "CSQLite", "DaftFTP"]) == ["DaftFTP"])
    }

    @Test func aDirectoryThatIsNoTargetIsCaught() {
        let manifest = """
            .target(name: "CLinux"), tests(of: "DaftModel"),
            // module("DaftOld", [])
            """
        #expect(
            unnamed(["CLinux", "DaftOld", "DaftModelTests", "CLin", "DaftOldTests"], in: manifest)
                == ["DaftOld", "CLin", "DaftOldTests"])
    }

    @Test func aTargetReachesWhatItsImportsReach() {
        #expect(reach(of: "DaftMPI").isSuperset(of: ["CMPI", "DaftLink", "DaftModel"]))
        #expect(reach(of: "daft").contains("CSQLite"))
        #expect(!reach(of: "daft").contains("CMPI"))
        #expect(reach(of: "DaftModel") == [])
    }

    @Test func everyWallNamesOnlyWhatThereIs() {
        let outside: Set<String> = ["Glibc", "Foundation", "Synchronization"]
        let known = outside.union(foreign).union(walls.keys)
        #expect(walls.values.reduce(into: Set()) { $0.formUnion($1) }.subtracting(known) == [])
        #expect(mayLinkMPI.union(programs).isSubset(of: walls.keys))
    }
}
