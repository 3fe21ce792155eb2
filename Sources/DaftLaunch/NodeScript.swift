// What runs on a node before the program does: a script for any POSIX shell that sees whether the program is there,
// takes it from standard input where it is not, and becomes it.
//
// It is one word in single quotes, which sh, bash, zsh, fish and csh read alike as long as it has no single quote,
// backslash, exclamation mark or newline. The program is looked for under the digest of its bytes, so that versions
// live side by side; homes may be shared by nodes that start at the same moment, so a copy gets its own name first and
// takes the place of none that is good.

import DaftModel

struct NodeScript {
    /// What a login shell is to run. `token` is another one on each node.
    static func command(digest: String, size: Int, token: String) -> String {
        let script = parts.joined(separator: "; ")
            .replacing("DIGEST", with: digest).replacing("SIZE", with: "\(size)").replacing("TOKEN", with: token)
        return "exec /bin/sh -c '\(script)'"
    }

    /// Ends a node that `daft node` has said to run as `process`.
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
