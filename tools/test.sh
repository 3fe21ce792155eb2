#!/usr/bin/env bash
# Everything that is checked, part by part; the last line is the summary of Swift's test runner. With arguments, those
# go to the runner, and only what it needs comes before: tools/test.sh --filter HelpTests
set -euo pipefail
cd "$(dirname "$0")/.."
log=.build/test.log fuzz_log=.build/fuzz.log

# The parts in their order: name, what it is, how long it takes on two cores, what is run.
parts() {
    cat <<'TABLE'
lint    |the style of every Swift file               |  5 s  |tools/lint.sh
build   |everything, for debugging                   |  2 min|swift build --build-tests
programs|only daft-run is linked with Open MPI       |  1 s  |check_programs
release |the daft that is copied to hosts, optimised |  2 min|build_daft
alone   |that one runs where there is but glibc      |  1 s  |tools/alone.sh
fuzz    |every decoder for a second, beside the tests|       |begin_fuzz
tests   |every test, whole clusters in a box too     | 20 min|run_tests
TABLE
}

announce() {
    echo "== On two cores this takes about 25 minutes from a clean clone, and less where it was built before:"
    parts | while IFS='|' read -r name what time _; do echo "==   $name $what $time"; done
    echo "== If anything of it is left behind, that is a failure. What the tests say is kept in $log."
}

# Runs a part under a heading, and says how long it took.
part() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name: $*"
    "$@"
    echo "== $name took $((SECONDS - start)) s"
}

# The parts that come before the tests; of these, where only some tests are wanted, the build.
parts_before() {
    local name command
    while IFS='|' read -r name _ _ command <&3; do
        [ $# = 0 ] || [ "${name%% *}" = build ] || continue
        # shellcheck disable=SC2086
        [ "$command" = run_tests ] || part "${name%% *}" $command
    done 3< <(parts)
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

# The tests mostly wait; this yields to them. What it says is kept for its end.
begin_fuzz() {
    setsid nice -n 10 tools/fuzz.sh --seconds 1 --seed 1 >"$fuzz_log" 2>&1 &
    fuzz=$!
    trap 'kill -- "-$fuzz" 2>/dev/null' EXIT
}

end_fuzz() {
    local status=0
    wait "$fuzz" || status=$?
    trap - EXIT
    echo "== fuzz said, beside the tests:"
    cat "$fuzz_log"
    return "$status"
}

# Of what the runner said: the suites that took longest. One that is made of others says no more than these.
slowest_suites() {
    awk '{ sub(/^[^A-Za-z]* /, "") }
        /^Suite .* started\.$/ { isWhole[depth++] = 0; if (depth > 1) isWhole[depth - 2] = 1 }
        /^Suite .* (passed|failed) after [0-9.]+ seconds/ {
            if (isWhole[--depth]) next
            name = $2; sub(/.* after /, ""); printf "==   %6.1f s  %s\n", $1, name
        }' "$log" | sort -k 2,2nr | sed -n 1,10p
}

# The runner's last word is kept back until all that is to be known besides has been said.
run_tests() {
    local status=0 start=$SECONDS summary=' Test run with [0-9]+ tests? '
    echo "== tests: swift test --skip-build --disable-xctest --no-parallel $*"
    swift test --skip-build --disable-xctest --no-parallel "$@" 2>&1 | tee "$log" |
        grep --line-buffered -avE "$summary" || status=${PIPESTATUS[0]}
    echo "== tests took $((SECONDS - start)) s; the slowest suites:"
    slowest_suites
    ! grep -aE '^✘ Test .* failed after ' "$log" | grep -avE "$summary" || echo "== These failed, as $log tells."
    [ $# -gt 0 ] || end_fuzz || status=$?
    grep -aE "$summary" "$log" | tail -1
    return "$status"
}

if [ "${1:-}" != --apart ]; then
    [ $# -gt 0 ] || announce
    part setup tools/setup.sh test
    exec tools/apart.sh tools/test.sh --apart "$@"
fi
shift
parts_before "$@"
run_tests "$@"
