#!/bin/bash
# For cron, as root on each node: removes what killed jobs have left of daft in a directory (/tmp).
#
#   clean-node.sh [DIRECTORY]
#
# Only a directory `daft-USER-JOBID`, with what belongs to it (`.mds`, `.1`, `.2` …), that is USER's and whose job Slurm
# does not know any more. Where Slurm does not answer nothing is removed.
set -euo pipefail
shopt -s nullglob

jobs=$(squeue --noheader --format %A)
for path in "${1:-/tmp}"/daft-*-[0-9]*; do
    name=${path##*/daft-}
    plain=${name%.mds} && [[ $plain =~ ^(.*)\.[0-9]+$ ]] && plain=${BASH_REMATCH[1]}
    user=${plain%-*} job=${plain##*-}
    [[ $job =~ ^[0-9]+$ && -d $path && ! -L $path && $(stat -c %U "$path") == "$user" ]] || continue
    grep -qx "$job" <<<"$jobs" || rm -rf "$path"
done
