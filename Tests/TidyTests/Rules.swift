// Rules for every file. A rule examines one file and reports violations; RuleTests.swift has a violating example for
// each.

import Testing

struct Rule: Sendable, CustomTestStringConvertible {
    let testDescription: String
    let check: @Sendable (Source) -> [Violation]

    init(_ description: String, _ check: @escaping @Sendable (Source) -> [Violation]) {
        testDescription = description
        self.check = check
    }

    static let all = [
        fileLength, functionLength, columns, traps, printing, imports, leftovers, developerPaths, names,
        links(exist: Tree.exists),
    ]

    static let fileLength = Rule("a file has at most 400 lines") { source in
        let count = source.lines.count - (source.lines.last == "" ? 1 : 0)
        return source.isProgram && count > 400 ? [source.violation(at: 401, "\(count) lines, at most 400")] : []
    }

    static let functionLength = Rule("a function has at most 60 lines") { source in
        guard source.isSwift else { return [] }
        return source.functions.filter { $0.lines.count > 60 }.map {
            source.violation(at: $0.lines.lowerBound, "\($0.name) has \($0.lines.count) lines, at most 60")
        }
    }

    static let columns = Rule("a line has at most 120 columns") { source in
        guard source.isProgram else { return [] }
        return source.violations(in: source.lines) { $0.count > 120 ? "\($0.count) columns, at most 120" : nil }
    }

    static let traps = Rule("no try! and no fatalError in what is shipped") { source in
        guard source.isSwift, source.target?.isTest == false else { return [] }
        return [("try", "!"), ("fatalError", "(")].flatMap { first, second in
            source.lines(where: first, isFollowedBy: second).map { source.violation(at: $0, "\(first)\(second)") }
        }
    }

    static let printing = Rule("only programs and their shell print") { source in
        guard source.isSwift, let target = source.target, !target.isTest, target.name != "DaftShell",
            !programs.contains(target.name)
        else { return [] }
        return source.lines(where: "print", isFollowedBy: "(").map { source.violation(at: $0, "print(") }
    }

    static let imports = Rule("a target imports only what its wall lets through") { source in
        guard source.isSwift, let target = source.target else { return [] }
        let allowed = target.isTest ? importsOfTests(target.name) : walls[target.name, default: []]
        return source.imports.filter { !allowed.contains($0.module) }.map {
            source.violation(at: $0.line, "\(target.name) may not import \($0.module)")
        }
    }

    /// The words are split, so that this file does not violate its own rule.
    static let leftovers = Rule("nothing is left to be done later") { source in
        let banned = ["FIX" + "ME", "TO" + "DO", "XX" + "X"]
        return source.violations(in: source.commentLines) { line in
            let words = line.split { !$0.isLetter }
            return banned.first { words.contains(Substring($0)) }
        }
    }

    static let developerPaths = Rule("no path of a developer's machine") { source in
        let banned = ["/wo" + "rk/", "/Us" + "ers/", "/home/ru" + "nner/"]
        return source.violations(in: source.lines) { line in
            banned.first { path in
                line.ranges(of: path).contains { found in
                    let before = line[..<found.lowerBound].last
                    return before.map { $0.isLetter || $0.isNumber || "}_-.".contains($0) } != true
                }
            }
        }
    }

    /// A link without a scheme or # refers to a file relative to its document.
    static func links(exist: @escaping @Sendable (String) -> Bool) -> Rule {
        Rule("a link in a document leads to a file") { source in
            guard source.isMarkdown else { return [] }
            let folder = source.path.split(separator: "/").dropLast().map { $0 + "/" }.joined()
            var isFenced = false
            return source.violations(in: source.lines) { line in
                if line.hasPrefix("```") { isFenced.toggle() }
                guard !isFenced else { return nil }
                return targets(ofLinksIn: line).first { !exist(folder + $0) }.map { "no file \($0)" }
            }
        }
    }
}

private func targets(ofLinksIn line: Substring) -> [String] {
    line.matches(of: #/\]\(([^)\s]+)\)/#).map { $0.output.1 }
        .filter { !$0.contains(":") && !$0.hasPrefix("#") }
        .map { String($0.prefix { $0 != "#" }) }
}

extension Source {
    func violation(at line: Int, _ what: String) -> Violation { Violation(path: path, line: line, what: what) }

    /// A violation for each line for which `fault` returns a text.
    func violations(in lines: [Substring], _ fault: (Substring) -> String?) -> [Violation] {
        lines.enumerated().compactMap { index, line in fault(line).map { violation(at: index + 1, $0) } }
    }
}
