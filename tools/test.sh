#!/usr/bin/env bash
# Everything that is checked, part by part; the last line is the summary of Swift's test runner. With arguments, those
# go to the runner, and only what it needs comes before: tools/test.sh --filter HelpTests
set -euo pipefail
cd "$(dirname "$0")/.."
log=.build/test.log hosts_log=.build/hosts.log then_log=.build/then.log
runner=(swift test --skip-build --ignore-lock --disable-xctest --no-parallel)
summary=' Test run with [0-9]+ tests? '
# The tests on hosts of a box or behind an ssh: they mostly wait, and share nothing with what runs beside them.
hosts='^(ReadmeTests|SchedulerTests|StartTests|WorkstationTests)\.'

# The parts in their order: name, what it is, how long it takes on two cores, what is run.
parts() {
    cat <<'TABLE'
lint    |the style of every Swift file               |  5 s  |tools/lint.sh
build   |everything, for debugging                   |  3 min|swift build --build-tests
programs|only daft-run is linked with Open MPI       |  1 s  |check_programs
tests   |every test but those on several hosts       | 15 min|run_tests
hosts   |beside: those, on clusters in a box         | 10 min|
release |then the daft that is copied to hosts       |  4 min|
alone   |that one runs where there is but glibc      |  1 s  |
fuzz    |every decoder for a second                  |  4 min|
TABLE
}

announce() {
    echo "== On two cores this takes about 25 minutes from a clean clone, and less where it was built before:"
    parts | while IFS='|' read -r name what time _; do echo "==   $name $what $time"; done
    echo "== If anything of it is left behind, that is a failure. What is said is kept: $log, $hosts_log, $then_log."
}

# Runs a part under a heading, and says how long it took.
part() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name: $*"
    "$@" || return
    echo "== $name took $((SECONDS - start)) s"
}

# The parts that come before the tests; of these, where only some tests are wanted, the build.
parts_before() {
    local name command
    while IFS='|' read -r name _ _ command <&3; do
        [ "$command" != run_tests ] || return 0
        [ $# = 0 ] || [ "${name%% *}" = build ] || continue
        # shellcheck disable=SC2086
        part "${name%% *}" $command
    done 3< <(parts)
}

# A client runs where there is no Open MPI: only daft-run may be linked with it.
check_programs() {
    local programs program
    programs=$(swift build --show-bin-path) || return
    for program in "$programs"/daft "$programs"/daft-solo "$programs"/daft-bench; do
        if [ -e "$program" ] && grep -qa 'libmpi\.so' "$program"; then
            echo "${program##*/} is linked with Open MPI, and must not be" >&2
            return 1
        fi
    done
}

# The program that is copied to hosts, made as `make build` makes it. The lock is the tests', which build nothing.
build_daft() { tools/archives.sh && swift build --ignore-lock -c release --static-swift-stdlib --product daft; }

# What goes on beside the other tests, in a group of processes of its own, and what it says is kept for its end. Of
# what comes after the tests on hosts, none needs any more than a core that the others leave.
run_beside() {
    local status=0
    "${runner[@]}" --filter "$hosts" >"$hosts_log" 2>&1 || status=$?
    renice -n 10 $$ >/dev/null
    {
        part release build_daft && part alone tools/alone.sh && part fuzz tools/fuzz.sh --seconds 1 --seed 1
    } >"$then_log" 2>&1 || status=$?
    return "$status"
}

begin_beside() {
    rm -f "$hosts_log" "$then_log"
    setsid tools/test.sh --beside &
    beside=$!
    trap 'kill -- "-$beside" 2>/dev/null' EXIT
}

end_beside() {
    local status=0
    wait "$beside" || status=$?
    trap - EXIT
    echo "== hosts, beside these: ${runner[*]} --filter $hosts"
    grep -avE "$summary" "$hosts_log" || true
    cat "$then_log"
    return "$status"
}

# Of what the runners said: the suites that took longest. One that is made of others says no more than these.
slowest_suites() {
    awk 'FNR == 1 { depth = 0 }
        { sub(/^[^A-Za-z]* /, "") }
        /^Suite .* started\.$/ { isWhole[depth++] = 0; if (depth > 1) isWhole[depth - 2] = 1 }
        /^Suite .* (passed|failed) after [0-9.]+ seconds/ {
            if (isWhole[--depth]) next
            name = $2; sub(/.* after /, ""); printf "==   %6.1f s  %s\n", $1, name
        }' "$@" | sort -k 2,2nr | sed -n 1,10p
}

# What failed, and why, as shortly as can be read.
failures() {
    local what='^(✘ Test .* recorded an issue|↳ )' not='^↳ (Testing Library|Target Platform)'
    grep -ahE "$what" "$@" | grep -avE "$not" | cut -c1-400 | sed -n 1,30p
}

# The runners' last words are kept back until all that is to be known besides has been said; a failure is the last.
run_tests() {
    local status=0 start=$SECONDS logs=("$log") wanted=("$@")
    if [ $# = 0 ]; then
        begin_beside
        logs=("$hosts_log" "$log") wanted=(--skip "$hosts")
    fi
    echo "== tests: ${runner[*]} ${wanted[*]}"
    "${runner[@]}" "${wanted[@]}" 2>&1 | tee "$log" |
        grep --line-buffered -avE "$summary" || status=${PIPESTATUS[0]}
    [ $# -gt 0 ] || end_beside || status=$?
    echo "== tests took $((SECONDS - start)) s; the slowest suites:"
    slowest_suites "${logs[@]}"
    if [ "$status" != 0 ]; then
        echo "== What failed; all that was said is in ${logs[*]}:"
        failures "${logs[@]}" || true # what failed may be no test
    fi
    grep -ahE "$summary" "${logs[@]}" | LC_ALL=C sort -s -k 1,1 # ✔ comes before ✘
    return "$status"
}

if [ "${1:-}" = --beside ]; then
    run_beside
    exit
elif [ "${1:-}" != --apart ]; then
    [ $# -gt 0 ] || announce
    part setup tools/setup.sh test
    exec tools/apart.sh tools/test.sh --apart "$@"
fi
shift
parts_before "$@"
run_tests "$@"
