#!/usr/bin/env bash
# Removes what tools/install.sh has installed below a prefix, and nothing else. tools/uninstall.sh PREFIX
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
# These two belong to daft only.
rm -rf -- "$share/daft" "$share/doc/daft"
