// What the targets are held to together: each is known to the walls and to Package.swift, and Open MPI stays where
// it belongs.

/// Everything `target` may reach by imports of imports.
func reach(of target: String) -> Set<String> {
    var reached: Set<String> = []
    var next = walls[target, default: []]
    while let module = next.popFirst() {
        if reached.insert(module).inserted { next.formUnion(walls[module, default: []]) }
    }
    return reached
}

/// A test of X imports X, what X may reach, and the tools of tests.
func importsOfTests(_ name: String) -> Set<String> {
    if let special = testsOfNoTarget[name] { return special }
    let tested = name.hasSuffix("Tests") ? String(name.dropLast("Tests".count)) : name
    guard walls[tested] != nil else { return testTools }
    return testTools.union(reach(of: tested)).union([tested])
}

/// The directories below Sources that no wall stands around.
func unwalled(_ directories: [String]) -> [String] {
    directories.filter { walls[$0] == nil && !foreign.contains($0) }
}

/// The directories that `manifest`, the text of Package.swift, makes no target of: dead files.
func unnamed(_ directories: [String], in manifest: String) -> [String] {
    let text = Source(path: "Package.swift", manifest).uncommentedLines.joined(separator: "\n")
    return directories.filter { name in
        let tested = name.hasSuffix("Tests") ? name.dropLast("Tests".count) : ""
        return !text.contains("\"\(name)\"") && !text.contains("tests(of: \"\(tested)\"")
    }
}

/// The targets that could get Open MPI by some way and must not.
func strayMPI() -> [String] {
    walls.keys.filter { !mayLinkMPI.contains($0) && reach(of: $0).contains("CMPI") }
}
