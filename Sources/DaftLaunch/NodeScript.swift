// The POSIX shell script that runs on a node before the program: looks for the program, reads it from standard input if
// missing, and executes it.
//
// It is a single-quoted word that sh, bash, zsh, fish and csh parse alike because it has no single quote, backslash,
// exclamation mark or newline. The program is stored under its digest, so that versions coexist. Nodes that start at
// once may share a home directory, so a copy is written under a unique name and never replaces a good one.

import DaftModel

struct NodeScript {
    /// The command for a login shell. `token` must differ between nodes.
    static func command(digest: String, size: Int, token: String) -> String {
        let script = parts.joined(separator: "; ")
            .replacing("DIGEST", with: digest).replacing("SIZE", with: "\(size)").replacing("TOKEN", with: token)
        return "exec /bin/sh -c '\(script)'"
    }

    /// Ends a node whose process id is `process`.
    static func end(_ process: UInt32) -> String { "exec /bin/sh -c 'kill \(process)'" }

    private static let parts = [
        #"LC_ALL=C; export LC_ALL"#,
        #"die() { echo "$1" >&2; exit 1; }"#,
        #"mask=$(umask); umask 077"#,
        #"dir=${XDG_CACHE_HOME:-${HOME:?}/.cache}/daft; file=$dir/daft-DIGEST; new=$dir/new-TOKEN"#,
        #"mkdir -p "$dir" && chmod 700 "$dir" || die "no place for the program in $dir""#,
        #"command -v sha256sum >/dev/null || die "there is no sha256sum""#,
        #"sum() { s=$(sha256sum "$1" 2>/dev/null); echo "${s%% *}"; }"#,
        #"good() { test "$(sum "$file")" = DIGEST; }"#,
        #"if good; then chmod 700 "$file"; touch "$file"; else "# + taking.joined(separator: "; ") + "; fi",
        #"find "$dir" -type f -name "daft-*" -mtime +30 -exec rm -f {} + 2>/dev/null"#,
        #"find "$dir" -type f -name "new-*" -mtime +0 -exec rm -f {} + 2>/dev/null"#,
        #"e=$("$file" --version 2>&1 >/dev/null) || case $e in "# + causes.joined(separator: " ") + " esac",
        #"umask "$mask"; unset LC_ALL; echo "daft-node have"; exec "$file" node"#,
    ]

    private static let taking = [
        #"drop() { rm -f "$new"; }; trap drop EXIT; trap "exit 1" HUP INT TERM"#,
        #"echo "daft-node need""#,
        #"head -c SIZE > "$new" || die "the program could not be written to $dir""#,
        #"test "$(sum "$new")" = DIGEST || die "the program arrived damaged in $dir""#,
        #"chmod 700 "$new" && { ln "$new" "$file" 2>/dev/null || good || mv -f "$new" "$file"; }"#,
        #"drop; trap - EXIT HUP INT TERM; good || die "the program could not be placed in $dir""#,
    ]

    private static let causes = [
        #"*ermission*) die "$dir is on a filesystem that executes nothing (noexec): set XDG_CACHE_HOME there";;"#,
        #"*"xec format"*) die "the program is for another kind of processor than $(uname -m)";;"#,
        #"*) die "the program does not run there: $e";;"#,
    ]
}
