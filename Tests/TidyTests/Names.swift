// Rules for file and type names: standard terms, and one name per concept.

extension Rule {
    /// Nouns that end in -ing.
    private static let nouns: Set = ["CString", "SourceListing"]

    /// Words that mean nothing to readers who do not know the code.
    private static let metaphors = [
        "Vigil", "Errand", "Seat", "Company", "Gauge", "Knock", "Sentry", "Guest", "Landing", "Departure", "Ground",
    ]

    static let names = Rule("files and types have names of the field") { source in
        guard source.isSwift, source.target?.isTest == false else { return [] }
        let file = source.path.split(separator: "/").last?.dropLast(".swift".count) ?? ""
        let isGerund = file.hasSuffix("ing") && !nouns.contains(String(file))
        return (isGerund ? [source.violation(at: 1, "a file is named after a thing or a verb, not \(file)")] : [])
            + source.types.filter { type in metaphors.contains { type.name.contains($0) } }.map {
                source.violation(at: $0.line, "\($0.name) is a metaphor")
            }
    }
}

extension Source {
    /// The visible types declared at the top level.
    var types: [(name: String, line: Int)] {
        let kinds: Set<Substring> = ["class", "struct", "enum", "protocol", "actor", "typealias"]
        return codeLines.enumerated().compactMap { index, line in
            guard let first = line.first, first.isLetter else { return nil }
            let words = line.split { !$0.isLetter && !$0.isNumber && $0 != "_" }
            guard !["private", "fileprivate", "extension"].contains(words.first ?? ""),
                let kind = words.firstIndex(where: kinds.contains), kind + 1 < words.count
            else { return nil }
            return (String(words[kind + 1]), index + 1)
        }
    }
}

/// Type names used by two modules. Programs are not imported, so they do not count.
func sharedTypeNames(in sources: [Source]) -> [String] {
    var files: [String: Set<String>] = [:]
    for source in sources where source.isSwift {
        guard let target = source.target, !target.isTest, !programs.contains(target.name) else { continue }
        for type in source.types { files[type.name, default: []].insert(source.path) }
    }
    let shared = files.filter { $0.value.count > 1 }
    return shared.map { "\($0.key): \($0.value.sorted().joined(separator: ", "))" }.sorted()
}
