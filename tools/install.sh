#!/usr/bin/env bash
# Puts what was built below a prefix: the programs, their manual pages, and what bash, zsh and fish complete.
# tools/install.sh PREFIX
set -euo pipefail
[ $# = 1 ] || { sed -n '2,3s/^# //p' "$0" >&2 && exit 2; }
prefix=$1
built=$(cd "$(dirname "$0")/.." && pwd)/.build/release
man=$prefix/share/man
bash=$prefix/share/bash-completion/completions
zsh=$prefix/share/zsh/site-functions
fish=$prefix/share/fish/vendor_completions.d

install -d "$prefix/bin" "$man/man1" "$man/man5" "$bash" "$zsh" "$fish"
for program in daft-run daft daft-solo; do
    install -m 755 "$built/$program" "$prefix/bin"
    "$built/$program" --manual >"$man/man1/$program.1"
    "$built/$program" --completion bash >"$bash/$program"
    "$built/$program" --completion zsh >"$zsh/_$program"
    "$built/$program" --completion fish >"$fish/$program.fish"
done
"$built/daft" --manual=jobfile >"$man/man5/daft-jobfile.5"
