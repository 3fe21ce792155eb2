// Generates the text of `help` from the tables.

extension CommandShape {
    /// `put SRC…[@HOST] [--as NAME]`: switches before the operands, options with values after them.
    public var synopsis: String {
        let options = options.filter { !$0.isShared }
        let switches = options.filter { $0.value == nil }.map { "[\($0.spelling)]" }
        let valued = options.filter { $0.value != nil }.map { $0.isRequired ? $0.spelling : "[\($0.spelling)]" }
        let host = takesHost ? "[@HOST]" : ""
        switch operands {
        case .none: return ([verb.rawValue] + switches + valued).joined(separator: " ")
        case .line(let rest): return verb.rawValue + rest
        case .optional(let word): return joined(switches, "[\(word)]", valued)
        case .one(let word): return joined(switches, word + host, valued)
        case .two(let first, let second): return joined(switches, "\(first) \(second)", valued)
        case .some(let word): return joined(switches, several(word) + host, valued)
        case .any(let word): return joined(switches, "[\(several(word))]", valued)
        }
    }

    /// Synopsis, purpose, options and details.
    public var help: String {
        var parts = [synopsis, "    " + purpose]
        if !options.isEmpty { parts.append(OptionTable(options).help) }
        return parts.joined(separator: "\n") + "\n\n" + filled(details, indent: 4) + "\n"
    }

    private func joined(_ before: [String], _ operands: String, _ after: [String]) -> String {
        ([verb.rawValue] + before + [operands] + after).joined(separator: " ")
    }

    private func several(_ word: String) -> String {
        word.split(separator: "|").map { $0 + "…" }.joined(separator: "|")
    }
}

extension Verb {
    /// One line per command.
    public static var overview: String {
        columns(allCases.map { ($0.shape.synopsis, $0.shape.purpose) })
    }
}

extension OptionTable {
    /// One line per option, with its environment variable.
    public var help: String {
        columns(options.map { ($0.spelling, $0.meaning + ($0.variable.map { " [\($0)]" } ?? "")) })
    }
}

private func columns(_ rows: [(left: String, right: String)]) -> String {
    let width = rows.map(\.left.count).max() ?? 0
    return rows.map { row in
        "    " + row.left + String(repeating: " ", count: width - row.left.count + 2) + row.right
    }.joined(separator: "\n")
}

/// `text` wrapped at 80 columns.
private func filled(_ text: String, indent: Int) -> String {
    let margin = String(repeating: " ", count: indent)
    var lines: [String] = []
    for word in text.split(whereSeparator: \.isWhitespace) {
        if let line = lines.last, line.count + 1 + word.count <= 80 {
            lines[lines.count - 1] = line + " " + word
        } else {
            lines.append(margin + word)
        }
    }
    return lines.joined(separator: "\n")
}
