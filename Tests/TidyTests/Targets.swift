// Rules for targets: each is in Walls.swift and Package.swift, and Open MPI stays in its targets.

/// All modules that `target` reaches through imports.
func reach(of target: String) -> Set<String> {
    var reached: Set<String> = []
    var next = walls[target, default: []]
    while let module = next.popFirst() {
        if reached.insert(module).inserted { next.formUnion(walls[module, default: []]) }
    }
    return reached
}

/// A test of X may import X, what X reaches, and test tools.
func importsOfTests(_ name: String) -> Set<String> {
    if let special = testsOfNoTarget[name] { return special }
    let tested = name.hasSuffix("Tests") ? String(name.dropLast("Tests".count)) : name
    guard walls[tested] != nil else { return testTools }
    return testTools.union(reach(of: tested)).union([tested])
}

/// Directories below Sources that are not in Walls.swift.
func unwalled(_ directories: [String]) -> [String] {
    directories.filter { walls[$0] == nil && !foreign.contains($0) }
}

/// Directories that `manifest`, the text of Package.swift, does not declare: dead files.
func unnamed(_ directories: [String], in manifest: String) -> [String] {
    let text = Source(path: "Package.swift", manifest).uncommentedLines.joined(separator: "\n")
    return directories.filter { name in
        let tested = name.hasSuffix("Tests") ? name.dropLast("Tests".count) : ""
        return !text.contains("\"\(name)\"") && !text.contains("tests(of: \"\(tested)\"")
    }
}

/// Targets that reach Open MPI and must not.
func strayMPI() -> [String] {
    walls.keys.filter { !mayLinkMPI.contains($0) && reach(of: $0).contains("CMPI") }
}
