#!/bin/bash
# For cron, as root on each node: removes what killed daft jobs left in a directory (/tmp).
#
#   clean-node.sh [DIRECTORY]
#
# Removes only directories `daft-USER-JOBID` (and `.mds`, `.1`, `.2` …) that belong to USER and whose job Slurm no
# longer knows. If Slurm does not answer, nothing is removed.
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
