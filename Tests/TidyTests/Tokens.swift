// Tokens of Swift code, and what rules derive from them: imports, functions, calls.

struct Token: Hashable {
    let text: Substring
    let line: Int
}

struct Function: Hashable {
    let name: String
    let lines: ClosedRange<Int>
}

private let declarations: Set<Substring> = [
    "func", "init", "deinit", "subscript", "var", "let", "case", "struct", "class", "enum", "actor", "protocol",
    "extension", "typealias", "associatedtype", "import", "static", "mutating",
]

extension Token {
    static func all(in lines: [Substring]) -> [Token] {
        lines.enumerated().flatMap { index, line in words(of: line).map { Token(text: $0, line: index + 1) } }
    }

    private static func words(of line: Substring) -> [Substring] {
        var (words, rest) = ([Substring](), line.drop(while: isSpace))
        while let first = rest.first {
            let word = isOfWord(first) ? rest.prefix(while: isOfWord) : rest.prefix(1)
            words.append(word)
            rest = rest[word.endIndex...].drop(while: isSpace)
        }
        return words
    }

    /// Avoids Unicode tables for most characters.
    private static func isSpace(_ character: Character) -> Bool { character == " " || character.isWhitespace }

    private static func isOfWord(_ character: Character) -> Bool {
        character.isLetter || character.isNumber || character == "_"
    }
}

extension Source {
    /// The imported modules with their lines.
    var imports: [(module: String, line: Int)] {
        tokens.indices.compactMap { i in
            guard tokens[i].text == "import" else { return nil }
            let rest = tokens[(i + 1)...].prefix { $0.line == tokens[i].line }.map(\.text)
            let module = rest.first.map(declarations.contains) == true ? rest.dropFirst().first : rest.first
            return module.map { (String($0), tokens[i].line) }
        }
    }

    /// Everything with a body: functions, initializers, subscripts, computed properties.
    var functions: [Function] {
        let openers: Set<Substring> = ["func", "init", "deinit", "subscript", "var"]
        return tokens.indices.compactMap { i in
            guard openers.contains(tokens[i].text), i == 0 || tokens[i - 1].text != ".",
                let start = bodyStart(after: i), let end = bodyEnd(from: start)
            else { return nil }
            let isNamed = tokens[i].text == "func" || tokens[i].text == "var"
            let name = isNamed ? tokens[i + 1].text : tokens[i].text
            return Function(name: String(name), lines: tokens[i].line...tokens[end].line)
        }
    }

    /// The { of a declaration's body; nil if there is none, as in protocols.
    private func bodyStart(after declaration: Int) -> Int? {
        var depth = 0
        for i in tokens.indices[(declaration + 1)...] {
            switch tokens[i].text {
            case "(", "[": depth += 1
            case ")", "]": depth -= 1
            case "{" where depth == 0: return i
            case "}" where depth == 0: return nil
            default: if depth == 0, declarations.contains(tokens[i].text) { return nil }
            }
            if depth < 0 { return nil }
        }
        return nil
    }

    private func bodyEnd(from start: Int) -> Int? {
        var depth = 0
        for i in tokens.indices[start...] {
            if tokens[i].text == "{" { depth += 1 }
            if tokens[i].text == "}" { depth -= 1 }
            if depth == 0 { return i }
        }
        return nil
    }

    /// Lines where `first` is followed by `second` and is neither a member nor a declaration.
    func lines(where first: Substring, isFollowedBy second: Substring) -> [Int] {
        tokens.indices.dropLast().compactMap { i in
            let (token, next) = (tokens[i], tokens[i + 1])
            let isOther = i > 0 && (tokens[i - 1].text == "." || tokens[i - 1].text == "func")
            // `try !done` is not `try!`: the sign must follow directly.
            let isAdjacent = token.line == next.line && token.text.endIndex == next.text.startIndex
            return token.text == first && next.text == second && isAdjacent && !isOther ? token.line : nil
        }
    }
}
