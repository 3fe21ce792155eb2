#!/usr/bin/env bash
# Everything that is checked: packages, style, build, walls of the programs, tests. The last line is the summary of
# `swift test`.
set -euo pipefail
cd "$(dirname "$0")/.."

# Runs a command under a heading, and says how long it took.
part() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name: $*"
    "$@"
    echo "== $name took $((SECONDS - start)) s"
}

# A client runs where there is no Open MPI: only daft-run may be linked with it.
check_programs() {
    local programs program
    programs=$(swift build --show-bin-path)
    for program in "$programs"/daft "$programs"/daft-solo "$programs"/daft-bench; do
        if [ -e "$program" ] && grep -qa 'libmpi\.so' "$program"; then
            echo "${program##*/} is linked with Open MPI, and must not be" >&2
            return 1
        fi
    done
}

part setup tools/setup.sh
part lint tools/lint.sh
part build swift build --build-tests
part programs check_programs
echo "== test: swift test --skip-build --disable-xctest --no-parallel"
swift test --skip-build --disable-xctest --no-parallel 2>&1
