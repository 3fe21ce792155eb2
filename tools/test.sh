#!/usr/bin/env bash
# Everything that is checked: packages, style, build, walls of the programs, the optimised daft by itself, tests. The
# last line is the summary of `swift test`.
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

# The program that is copied to hosts, made as `make build` makes it.
build_daft() { tools/archives.sh && swift build -c release --static-swift-stdlib --product daft; }

part setup tools/setup.sh test
part lint tools/lint.sh
part build swift build --build-tests
part programs check_programs
part release build_daft
part alone tools/alone.sh
part fuzz tools/fuzz.sh --seconds 1 --seed 1 --jobs 2
echo "== test: swift test --skip-build --disable-xctest --no-parallel"
swift test --skip-build --disable-xctest --no-parallel 2>&1
