// Generates manual pages in mdoc(7) from the tables: for each program, and for job files. View one with `man -l`.

public struct ManualPage: Sendable {
    public let name: String
    public let section: Int
    private let body: [String]

    /// The whole page. `date` has the form `November 21, 2026`.
    public func text(version: String, date: String) -> String {
        let head = [".Dd \(date)", ".Dt \(name.uppercased()) \(section)", ".Os"]
        let last = [".Sh HISTORY", "This is the manual of daft \(version)."]
        return (head + body + last).flatMap { $0.split(separator: "\n") }.flatMap(filled).joined(separator: "\n") + "\n"
    }

    public static let all = ProgramShape.all.map(ManualPage.init(of:)) + [jobFile]

    /// Accepts `daft-run`, `jobfile` and `daft-jobfile`.
    public static func named(_ name: String) -> ManualPage? {
        all.first { $0.name == name || $0.name == "daft-" + name }
    }

    public init(of program: ProgramShape) {
        (name, section) = (program.name, 1)
        body =
            ManualPage.beginning(program.name, program.purpose) + [".Sh SYNOPSIS"]
            + program.uses.flatMap { [".Nm", plain($0.form)] }
            + [".Sh DESCRIPTION"] + paragraphs(program.description)
            + [".Ss Ways to call it"] + list(program.uses.map { ("\(program.name) \($0.form)", plain($0.meaning)) })
            + [".Sh COMMANDS"] + commands
            + [".Sh OPTIONS", "Sizes take K, M and G; times s, m, h and d."] + options(program.table)
            + program.subcommands.prefix(1).flatMap { own in
                [".Ss Of \(program.subcommands.map(\.word).joined(separator: " and "))"]
                    + options(OptionTable(own.options.options.filter { program.table[$0.name] == nil }))
            }
            + [
                ".Sh ENVIRONMENT", "Each of these gives the option where the command line does not;",
                "a switch takes yes or no.",
            ] + list(variables(of: program))
            + [".Sh FILES"] + list(program.files.map { ($0.form, plain($0.meaning) + ".") })
            + [".Sh EXIT STATUS"] + list(exitStatuses.map { ($0.status, plain($0.meaning)) })
            + [".Sh EXAMPLES"] + examples(program.examples)
            + ManualPage.seeAlso(except: program.name)
    }

    private init(_ name: String, _ section: Int, _ body: [String]) {
        (self.name, self.section, self.body) = (name, section, body)
    }

    private static let jobFile = ManualPage(
        "daft-jobfile", 5,
        beginning("daft-jobfile", "the commands of a file, for daft")
            + [".Sh DESCRIPTION"]
            + paragraphs([
                """
                A job file holds commands, one a line, as at the prompt. Programs read it with -f or from standard \
                input; daft-run --directives reads the #DAFT lines of a job script.
                """,
                """
                Words are separated by blanks and written as in a shell: 'literal', "with \\" and \\\\", a\\ b; \\n, \
                \\t and \\xHH stand for a newline, a tab and any byte. Nothing is expanded. A line that begins with ! \
                goes to the local shell. A # at the beginning of a word starts a comment. Quote a file name that ends \
                in @ and a word, or add one more @.
                """,
                """
                All lines are parsed before the first runs; an error is reported with line and column, and nothing is \
                done. From a pipe each line is read in its turn. A failure does not stop the following lines. The exit \
                status is that of the first line that failed. A signal ends the running line and the file.
                """,
            ])
            + [".Sh COMMANDS"] + commands + [".Sh EXIT STATUS"]
            + list(exitStatuses.map { ($0.status, plain($0.meaning)) })
            + [
                ".Sh EXAMPLES", "Bring a set to all nodes, check it, and collect what was computed:", ".Bd -literal",
                "# stage.daft", "bcast /lustre/me/set", "verify /set", "!srun ./train /local/me/set",
                "gather results \\-\\-to /lustre/me/out", ".Ed",
            ] + seeAlso(except: "daft-jobfile"))

    private static func beginning(_ name: String, _ purpose: String) -> [String] {
        [".Sh NAME", ".Nm \(name)", ".Nd \(plain(purpose))"]
    }

    private static func seeAlso(except name: String) -> [String] {
        let others = [("daft", 1), ("daft-run", 1), ("daft-solo", 1), ("daft-jobfile", 5)].filter { $0.0 != name }
        let last = others.count - 1
        return [".Sh SEE ALSO"]
            + others.enumerated().map { ".Xr \($1.0) \($1.1)" + ($0 < last ? " ," : "") }
    }
}

/// Wraps a line at 80 columns; requests stay unchanged.
private func filled(_ line: Substring) -> [String] {
    if line.first == "." { return [String(line)] }
    var lines: [String] = []
    for word in line.split(separator: " ") {
        if let last = lines.last, last.utf8.count + 1 + word.utf8.count <= 80 {
            lines[lines.count - 1] = "\(last) \(word)"
        } else {
            lines.append(word.first == "." ? "\\&" + word : String(word))
        }
    }
    return lines
}

private let commands: [String] = list(
    Verb.allCases.map { verb in
        let shape = verb.shape
        let options = shape.options.isEmpty ? [] : list(shape.options.map { ($0.spelling, plain($0.meaning) + ".") })
        let text = [capitalised(shape.purpose) + "."] + sentences(shape.details)
        return (shape.synopsis, (text + options).joined(separator: "\n"))
    })

private func options(_ table: OptionTable) -> [String] {
    list(table.options.map { ($0.spelling, capitalised($0.meaning) + ".") })
}

private func variables(of program: ProgramShape) -> [(String, String)] {
    let own = program.subcommands.flatMap(\.options.options)
    var seen: Set<String> = []
    return (program.table.options + own).compactMap { option in
        guard let variable = option.variable, seen.insert(variable).inserted else { return nil }
        return (variable, plain(option.spelling))
    }
}

private func examples(_ all: [ProgramShape.Use]) -> [String] {
    all.flatMap { [capitalised($0.meaning) + ":", ".Dl \(plain($0.form))"] }
}

/// The `text` of an item may be several lines with macros.
private func list(_ items: [(tag: String, text: String)]) -> [String] {
    [".Bl -tag -width Ds"] + items.flatMap { [".It \(plain($0.tag))", $0.text] } + [".El"]
}

private func paragraphs(_ all: [String]) -> [String] {
    Array(all.map(sentences).joined(separator: [".Pp"]))
}

/// One sentence per line, as mdoc recommends.
private func sentences(_ text: String) -> [String] {
    let words = text.split(whereSeparator: \.isWhitespace).map(String.init)
    var lines: [String] = []
    var line: [String] = []
    for word in words {
        line.append(word)
        if word.hasSuffix(".") || word.hasSuffix(":") && line.count > 12 {
            lines.append(plain(line.joined(separator: " ")))
            line = []
        }
    }
    return line.isEmpty ? lines : lines + [plain(line.joined(separator: " "))]
}

private func capitalised(_ text: String) -> String { plain(text.prefix(1).uppercased() + text.dropFirst()) }

/// Escapes roff syntax: leading dots and quotes, and dashes, so that they can be copied.
private func plain(_ text: String) -> String {
    var result = ""
    for character in text {
        switch character {
        case "\\": result += "\\e"
        case "-": result += "\\-"
        case "…": result += "\\[u2026]"
        case "\"": result += "\\(dq"
        case "'": result += "\\(aq"
        case "`": result += "\\(ga"
        default: result.append(character)
        }
    }
    return result.hasPrefix(".") ? "\\&" + result : result
}
