// Generates shell completions for bash, zsh and fish from the tables.

public enum CompletingShell: String, CaseIterable, Sendable {
    case bash, zsh, fish

    /// The completion script of a program, to be sourced by the shell.
    public func script(for program: ProgramShape) -> String {
        switch self {
        case .bash: bashCompletion(program)
        case .zsh: zshCompletion(program)
        case .fish: fishCompletion(program)
        }
    }
}

/// What can be completed at a position.
enum Completed: Hashable {
    case files
    case directories
    case names
    case filesAndNames
    case words([String])
    case nothing

    /// By the placeholder used in the tables.
    init(_ placeholder: String, knowsNames: Bool) {
        let names: Completed = knowsNames ? .names : .nothing
        switch placeholder {
        case "DIR": self = .directories
        case "FILE", "JOBFILE", "SCRIPT", "HOSTFILE", "SRC", "PATH": self = .files
        case "SRC|NAME": self = knowsNames ? .filesAndNames : .files
        case "NAME": self = names
        case "COMMAND": self = .words(Verb.words)
        case "SHELL": self = .words(CompletingShell.allCases.map(\.rawValue))
        default: self = .nothing
        }
    }

    init(_ placeholder: String, of program: ProgramShape) { self.init(placeholder, knowsNames: program.knowsNames) }

    init(_ operands: CommandShape.Operands, of program: ProgramShape) {
        self.init(operands, knowsNames: program.knowsNames)
    }

    /// The operands of a command.
    init(_ operands: CommandShape.Operands, knowsNames: Bool) {
        switch operands {
        case .none, .line: self = .nothing
        case .optional(let word), .one(let word), .some(let word), .any(let word):
            self = Completed(word, knowsNames: knowsNames)
        case .two(let first, _): self = Completed(first, knowsNames: knowsNames)
        }
    }
}

extension Verb {
    /// Verbs that are words.
    static let words = allCases.filter { $0 != .shell && $0 != .comment }.map(\.rawValue)
}

/// A command for completion: its word, purpose, options and operands.
struct CompletedCommand {
    let word: String
    let purpose: String
    let options: [Option]
    let operand: Completed

    static func all(of program: ProgramShape) -> [CompletedCommand] {
        let verbs = Verb.allCases.filter { Verb.words.contains($0.rawValue) }.map { verb in
            CompletedCommand(
                word: verb.rawValue, purpose: verb.shape.purpose, options: verb.shape.options,
                operand: Completed(verb.shape.operands, of: program))
        }
        let own = program.subcommands.map { own in
            CompletedCommand(
                word: own.word, purpose: own.purpose, options: own.options.options,
                operand: Completed(own.operand, of: program))
        }
        let serving = CompletedCommand(
            word: "serve", purpose: "stay, and serve clients", options: [], operand: .nothing)
        return own + verbs + (program.serves ? [serving] : [])
    }
}

extension Option {
    /// What can be completed as the option's separate value.
    func completed(of program: ProgramShape) -> Completed? {
        isValueOptional ? nil : value.map { Completed($0, of: program) }
    }
}

// MARK: bash

private func bashCompletion(_ program: ProgramShape) -> String {
    let commands = CompletedCommand.all(of: program)
    let all = program.table.options + commands.flatMap(\.options)
    let function = "_" + program.name.map { $0 == "-" ? "_" : String($0) }.joined()
    let withValue = all.filter { $0.completed(of: program) != nil }.flatMap(\.names)
    var seen: Set<String> = []
    let values = all.compactMap { option -> String? in
        guard let completed = option.completed(of: program), seen.insert(option.name).inserted else { return nil }
        return "    \(option.names.joined(separator: "|"))) \(bash(completed, program)); return ;;"
    }
    let cases = commands.flatMap { command in
        let options = command.options.flatMap(\.names) + program.table.options.flatMap(\.names)
        return [
            "    \(command.word):-*) mapfile -t COMPREPLY < <(compgen -W '\(joined(options))' -- \"$cur\") ;;",
            "    \(command.word):*) \(bash(command.operand, program)) ;;",
        ]
    }
    return """
        # What bash completes of \(program.name), made by `\(program.name) --completion bash`.
        \(function)() {
            local cur=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD - 1]} command= i
            COMPREPLY=()
            for ((i = 1; i < COMP_CWORD; i++)); do
                case ${COMP_WORDS[i]} in
                \(joined(withValue, "|"))) ((i++)) ;;
                -*) ;;
                *) command=${COMP_WORDS[i]} && break ;;
                esac
            done
            case $previous in
        \(values.joined(separator: "\n"))
            esac
            case $command:$cur in
            :-*) mapfile -t COMPREPLY < <(compgen -W '\(joined(program.table.options.flatMap(\.names)))' -- "$cur") ;;
            :*) mapfile -t COMPREPLY < <(compgen -W '\(joined(commands.map(\.word)))' -- "$cur") ;;
        \(cases.joined(separator: "\n"))
            esac
        }
        complete -F \(function) \(program.name)

        """
}

private func bash(_ completed: Completed, _ program: ProgramShape) -> String {
    let names = "\(program.name) ls \"${cur%/*}/\" 2>/dev/null"
    func filled(_ command: String) -> String { "mapfile -t COMPREPLY < <(\(command))" }
    return switch completed {
    case .files: "compopt -o filenames; " + filled("compgen -f -- \"$cur\"")
    case .directories: "compopt -o filenames; " + filled("compgen -d -- \"$cur\"")
    case .names: filled("compgen -W \"$(\(names))\" -- \"$cur\"")
    case .filesAndNames: filled("compgen -f -- \"$cur\"; compgen -W \"$(\(names))\" -- \"$cur\"")
    case .words(let words): filled("compgen -W '\(joined(words))' -- \"$cur\"")
    case .nothing: ":"
    }
}

private func joined(_ words: [String], _ separator: String = " ") -> String {
    var seen: Set<String> = []
    return words.filter { seen.insert($0).inserted }.joined(separator: separator)
}

// MARK: zsh

private func zshCompletion(_ program: ProgramShape) -> String {
    let commands = CompletedCommand.all(of: program)
    let words = commands.map { "        \(quoted($0.word + ":" + $0.purpose))" }.joined(separator: "\n")
    let cases = commands.map { command in
        let specs = zsh(command.options, program) + [quoted("*: :" + zsh(command.operand, program))]
        return "        \(command.word)) _arguments \(specs.joined(separator: " ")) ;;"
    }
    return """
        #compdef \(program.name)
        # What zsh completes of \(program.name), made by `\(program.name) --completion zsh`.
        _daft_names() {
            local -a names
            names=(${(f)"$(\(program.name) ls "${PREFIX%/*}/" 2>/dev/null)"})
            compadd -a names
        }
        _daft_files_and_names() { _files; _daft_names }
        local context state line
        local -a commands
        commands=(
        \(words)
        )
        _arguments -C \\
            \(zsh(program.table.options, program).joined(separator: " \\\n    ")) \\
            '1:command:->command' '*::argument:->argument'
        case $state in
        command) _describe command commands ;;
        argument)
            case $words[1] in
        \(cases.joined(separator: "\n"))
            esac ;;
        esac

        """
}

private func zsh(_ options: [Option], _ program: ProgramShape) -> [String] {
    options.map { option in
        let all = option.names.joined(separator: " ")
        let escaped = option.meaning.map { "[]:\\".contains($0) ? "\\\($0)" : String($0) }.joined()
        let meaning = "[\(escaped)]"
        let value = option.value.map { value in
            let action = zsh(Completed(value, of: program), program)
            return option.isValueOptional ? "" : ":\(value):\(action)"
        }
        // A long option's value follows a blank or `=`; an optional value only `=`.
        let names = option.names.map { name in
            option.isValueOptional || option.value == nil || !name.hasPrefix("--") ? name : name + "="
        }
        let spec = quoted(meaning + (value ?? ""))
        return names.count > 1
            ? "\(quoted("(\(all))")){\(names.joined(separator: ","))}\(spec)" : names[0] + spec
    }
}

private func zsh(_ completed: Completed, _ program: ProgramShape) -> String {
    switch completed {
    case .files: "_files"
    case .directories: "_files -/"
    case .names: "_daft_names"
    case .filesAndNames: "_daft_files_and_names"
    case .words(let words): "(\(joined(words)))"
    case .nothing: " "
    }
}

private func quoted(_ text: String) -> String { "'" + text.map { $0 == "'" ? "'\\''" : String($0) }.joined() + "'" }

// MARK: fish

private func fishCompletion(_ program: ProgramShape) -> String {
    let commands = CompletedCommand.all(of: program)
    let list = joined(commands.map(\.word))
    let name = program.name
    func line(_ condition: String, _ rest: String) -> String { "complete -c \(name) -n \(quoted(condition)) \(rest)" }
    let noneYet = "not __fish_seen_subcommand_from \(list)"
    var lines = [
        "# What fish completes of \(name), made by `\(name) --completion fish`.",
        "function __daft_names; \(name) ls (string replace -r '[^/]*$' '' -- (commandline -ct)) 2>/dev/null; end",
        "complete -c \(name) -f",
    ]
    lines += program.table.options.map { "complete -c \(name) \(fish($0, program))" }
    for command in commands {
        let seen = "__fish_seen_subcommand_from \(command.word)"
        lines.append(line(noneYet, "-a \(command.word) -d \(quoted(command.purpose))"))
        lines += command.options.map { line(seen, fish($0, program)) }
        let operand = fish(command.operand)
        if !operand.isEmpty { lines.append(line(seen, operand)) }
    }
    return lines.joined(separator: "\n") + "\n"
}

private func fish(_ option: Option, _ program: ProgramShape) -> String {
    let names = option.names.map { name in
        name.hasPrefix("--")
            ? "-l \(name.dropFirst(2))" : name.count == 2 ? "-s \(name.dropFirst())" : "-o \(name.dropFirst())"
    }
    let value = option.completed(of: program).map { ($0 == .files ? " -r " : " -x ") + fish($0) } ?? ""
    return names.joined(separator: " ") + value + " -d \(quoted(option.meaning))"
}

private func fish(_ completed: Completed) -> String {
    switch completed {
    case .files: "-F"
    case .directories: "-a '(__fish_complete_directories)'"
    case .names: "-a '(__daft_names)'"
    case .filesAndNames: "-F -a '(__daft_names)'"
    case .words(let words): "-a \(quoted(joined(words)))"
    case .nothing: ""
    }
}
