#!/usr/bin/env bash
# Removes what tools/install.sh has put below a prefix. What a user has put beside it stays. tools/uninstall.sh PREFIX
set -euo pipefail
[ $# = 1 ] || { sed -n '2s/^# //p' "$0" >&2 && exit 2; }
share=$1/share
files=("$share/man/man5/daft-jobfile.5")
for program in daft-run daft daft-solo; do
    files+=(
        "$1/bin/$program" "$share/man/man1/$program.1" "$share/bash-completion/completions/$program"
        "$share/zsh/site-functions/_$program" "$share/fish/vendor_completions.d/$program.fish")
done
rm -f -- "${files[@]}"
# These two are daft's own.
rm -rf -- "$share/daft" "$share/doc/daft"
