// Completions in real shells: typed text up to a tab, and the result.

import DaftCommand
import DaftModel
import Foundation
import Glibc
import Testing
import TestPrograms

private func lacks(_ shell: String) -> Bool { access("/usr/bin/\(shell)", X_OK) != 0 }

@Suite struct CompletionTests {
    /// Typed text, and its possible completions.
    static let lines: [(typed: String, wanted: [String])] = [
        ("daft bc", ["bcast"]),
        ("daft st", ["start", "stat", "status"]),
        ("daft --stor", ["--store"]),
        ("daft start --launch", ["--launch-timeout"]),
        ("daft-run -v gather out --merg", ["--merge"]),
        ("daft-run serv", ["serve"]),
        ("daft-run --completion fi", ["fish"]),
        ("daft put some", ["some-dir/", "some-file"]),
        ("daft --store some", ["some-dir/"]),
        ("daft-solo help verif", ["verify"]),
    ]

    /// Sets up the scripts of all programs, and two files to complete.
    private func prepared(_ shell: CompletingShell) throws -> HelpScratch {
        let scratch = try HelpScratch()
        for program in programs {
            let script = try scratch.run(builtProgram(program), "--completion", shell.rawValue)
            try #require(script.status == 0 && script.errors.isEmpty, "\(script)")
            try script.output.write(toFile: "\(scratch.path)/_\(program)", atomically: true, encoding: .utf8)
        }
        try Data().write(to: URL(fileURLWithPath: scratch.path + "/some-file"))
        try FileManager.default.createDirectory(
            atPath: scratch.path + "/some-dir", withIntermediateDirectories: false)
        return scratch
    }

    @Test(.enabled(if: !lacks("bash"), "there is no bash"), arguments: lines)
    func bash(typed: String, wanted: [String]) throws {
        let scratch = try prepared(.bash)
        let words = typed.split(separator: " ").map { "'\($0)'" }.joined(separator: " ")
        let program = typed.prefix { $0 != " " }
        // Outside of a completion, compopt has nothing to change.
        let line = """
            compopt() { :; }; for p in _daft*; do source "$p"; done
            COMP_WORDS=(\(words)); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
            $(complete -p \(program) | sed 's/.*-F \\([^ ]*\\).*/\\1/'); printf '%s\\n' "${COMPREPLY[@]}"
            """
        let ended = try scratch.run("/usr/bin/bash", "-c", line)
        let found = ended.output.split(separator: "\n").map(String.init).sorted()
        // bash itself adds the slash to a completed directory.
        #expect(
            found == wanted.map { $0.hasSuffix("/") ? String($0.dropLast()) : $0 } && ended.errors.isEmpty, "\(ended)")
    }

    @Test(.enabled(if: !lacks("fish"), "there is no fish"), arguments: lines)
    func fish(typed: String, wanted: [String]) throws {
        let line = "for p in _daft*; source $p; end; complete -C '\(typed)'"
        let ended = try prepared(.fish).run("/usr/bin/fish", "--no-config", "-c", line)
        let found = ended.output.split(separator: "\n").map { String($0.prefix { $0 != "\t" }) }.sorted()
        #expect(found == wanted && ended.errors.isEmpty, "\(ended)")
    }

    /// zsh completes only on a terminal; a unique completion is inserted in the line.
    @Test(.enabled(if: !lacks("zsh"), "there is no zsh"))
    func zsh() throws {
        let scratch = try prepared(.zsh)
        let single = CompletionTests.lines.filter { $0.wanted.count == 1 }
        let typing = single.map { "typed $'\($0.typed)\\t'; typed $'\\x15'" }.joined(separator: "\n")
        let script = """
            zmodload zsh/zpty
            zpty -b z "zsh -f -i"
            typed() {
                local all= piece; integer i
                zpty -w -n z $1
                for i in {1..6}; do sleep 0.1; while zpty -r -t z piece; do all+=$piece; done; done
                print -r -- "[$all]"
            }
            typed $'PS1=; fpath=(\(scratch.path) $fpath); autoload -Uz compinit; compinit -u -D\\n'
            typed $'bindkey "^I" complete-word\\n'
            # It is ready when it has completed something.
            for try in {1..10}; do [[ $(typed $'daft bc\\t') = *bcast* ]] && break; typed $'\\x15'; done
            typed $'\\x15'
            \(typing)
            zpty -d z
            """
        let ended = try scratch.run("/usr/bin/zsh", "-f", "-c", script)
        // The terminal backs up over what it has drawn.
        let shown = ["\u{8} ", " \u{8}", "\u{8}", "\u{7}"].reduce(ended.output) { $0.replacing($1, with: "") }
        for line in single {
            let before = line.typed.split(separator: " ").dropLast().joined(separator: " ")
            #expect(shown.contains("[\(before) \(line.wanted[0])"), "\(line.typed): \(ended)")
        }
    }

    @Test func anotherShellIsRefused() throws {
        let ended = try HelpScratch().run(builtProgram("daft"), "--completion", "tcsh")
        #expect(ended.status == 2 && ended.errors.contains("neither bash nor zsh nor fish"), "\(ended)")
    }
}
