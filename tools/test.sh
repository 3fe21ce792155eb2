#!/usr/bin/env bash
# All checks, part by part; the last line is the Swift test runner's summary, that of a failed run if one has failed.
# `tools/test.sh --check`: the build and the tests that start no program, to run after each change. Other arguments are
# passed to the runner, after the build: tools/test.sh --filter HelpTests
set -euo pipefail
cd "$(dirname "$0")/.."
logs=.build/test
runner=(swift test --skip-build --ignore-lock --disable-xctest --no-parallel)
summary=' Test run with [0-9]+ tests? '

# The parts before the tests: name, description, duration on two cores, command.
parts() {
    cat <<'TABLE'
lint    |the style of every Swift file                        |  5 s  |tools/lint.sh
build   |everything, for debugging                            |  4 min|swift build --build-tests
programs|only daft-run is linked with Open MPI                |  1 s  |check_programs
TABLE
}

# The rows of tests. Each is a process that runs its suites in sequence; rows run concurrently and share nothing. Those
# that start programs mostly wait. `rest` has every suite that is in no other row.
rows() {
    cat <<'TABLE'
jobs    |under Slurm and OAR in a box       |SchedulerTests
hosts   |on hosts of a box and behind ssh   |WorkstationTests StartTests ReadmeTests
cluster |under mpirun                       |ClusterTests ServeTests
promises|of promises and single programs    |PromiseTests SoloTests HelpTests
engine  |of the engine, suites of A to K    |DaftEngineTests.[A-K]\w*
engine2 |of the engine, suites of L to Z    |DaftEngineTests.[L-Z]\w*
store   |of what is kept                    |DaftStoreTests DaftCatalogueTests SimulationTests
links   |of links                           |DaftLinkTests DaftZMQTests
rest    |of everything else                 |
TABLE
}
with_programs='jobs|hosts|cluster|promises'

# Beside the rows, on spare processor time: the optimised daft that is copied to hosts, a check that it runs with glibc
# only, and a second of fuzzing per decoder.
run_release() {
    renice -n 19 $$ >/dev/null
    part release build_daft && part alone tools/alone.sh && part fuzz tools/fuzz.sh --seconds 1 --seed 1
}

names() { rows | sed 's/ *|.*//'; }

announce() {
    echo "== On two cores this takes 15 to 20 minutes from a clean clone, and less where it was built before:"
    parts | while IFS='|' read -r name what time _; do echo "==   $name $what $time"; done
    echo "==   then, at a time, tests in $(names | wc -l) rows and the optimised daft, alone and fuzzed: 8 min"
    rows | while IFS='|' read -r name what _; do echo "==     $name $what"; done
    echo "== If anything of it is left behind, that is a failure. What each row says is kept in $logs."
}

# Runs a part under a heading and prints its duration.
part() {
    local name=$1 start=$SECONDS
    shift
    echo "== $name: $*"
    "$@" || return
    echo "== $name took $((SECONDS - start)) s"
}

# The parts before the tests; if only some tests are wanted, just the build.
parts_before() {
    local name command
    while IFS='|' read -r name _ _ command <&3; do
        [ $# = 0 ] || [ "${name%% *}" = build ] || continue
        # shellcheck disable=SC2086
        part "${name%% *}" $command
    done 3< <(parts)
}

# Clients run without Open MPI: only daft-run may be linked with it.
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

# Builds the program that is copied to hosts like `make build`. It takes the lock of the tests, which build nothing.
build_daft() { tools/archives.sh && swift build --ignore-lock -c release --static-swift-stdlib --product daft; }

# The runner's arguments for a row: `--filter` or `--skip` with a regular expression.
suites() {
    local wanted
    wanted=$(rows | sed -n "s/^$1 *|.*|//p")
    if [ -n "$wanted" ]; then
        echo --filter "^(${wanted// /|})[./]"
    else
        echo --skip "^($(rows | sed 's/.*|//' | xargs -d '\n' | tr -s ' ' '|' | sed 's/|$//'))[./]"
    fi
}

run_row() {
    local words
    read -ra words < <(suites "$1")
    # Whether the simulation detects planted faults does not depend on changes of daft.
    [ -z "${DAFT_CHECK:-}" ] || words+=(--skip '\.PlantedTests')
    # Tests that wait on the clock start before those that compute.
    [[ $1 =~ ^($with_programs)$ ]] || renice -n 5 $$ >/dev/null
    echo "== $1: ${runner[*]} ${words[*]}"
    TIMEFORMAT='== %U s of processor time, and %S s in the kernel'
    time "${runner[@]}" "${words[@]}"
}

# The slowest suites. Suites made of other suites are omitted.
slowest_suites() {
    awk 'FNR == 1 { depth = 0 }
        { sub(/^[^A-Za-z]* /, "") }
        /^Suite .* started\.$/ { isWhole[depth++] = 0; if (depth > 1) isWhole[depth - 2] = 1 }
        /^Suite .* (passed|failed) after [0-9.]+ seconds/ {
            if (isWhole[--depth]) next
            name = $2; sub(/.* after /, ""); printf "==   %6.1f s  %s\n", $1, name
        }' "$@" | sort -k 2,2nr | sed -n 1,10p
}

# What failed and why, briefly.
failures() {
    local what='^(✘ Test .* recorded an issue|↳ )' not='^↳ (Testing Library|Target Platform)'
    grep -ahE "$what" "$@" | grep -avE "$not" | cut -c1-400 | sed -n 1,30p
}

# The runners' summaries are printed last, failures at the end. A crashed runner has none.
conclude() {
    local status=$1 start=$2 log
    shift 2
    echo "== tests took $((SECONDS - start)) s; the slowest suites:"
    slowest_suites "$@"
    if [ "$status" != 0 ]; then
        echo "== What failed; all that was said is in $logs:"
        failures "$@" || true # what failed may be no test
    fi
    grep -ahE "$summary" "$@" | LC_ALL=C sort -s -k 1,1 # ✔ comes before ✘
    if grep -lqa ' Test run with 0 tests ' "$@"; then
        echo '✘ a row has no tests'
        status=1
    fi
    for log in "$@"; do
        [[ $log == */release.log ]] || grep -qaE "$summary" "$log" || echo "✘ ${log##*/} ends before its summary"
    done
    return "$status"
}

# Runs rows, each in its own process group, and prints each row's output when it ends; for --check only if it fails.
run_rows() {
    local name id status=0 start=$SECONDS one files=()
    declare -gA running=()
    trap 'for id in "${!running[@]}"; do kill -- "-$id" 2>/dev/null; done' EXIT
    for name in "$@"; do
        files+=("$logs/$name.log")
        setsid tools/test.sh --row "$name" >"$logs/$name.log" 2>&1 &
        running[$!]=$name
    done
    while [ ${#running[@]} -gt 0 ]; do
        one=0
        wait -n -p id "${!running[@]}" || one=$?
        name=${running[$id]}
        unset "running[$id]"
        [ $one = 0 ] || status=$one
        [ "$mode" = check ] || grep -avE "$summary" "$logs/$name.log" || true
        echo "== $name took $((SECONDS - start)) s$([ $one = 0 ] || echo ", and failed")"
    done
    conclude "$status" "$start" "${files[@]}"
}

run_some() {
    local status=0 start=$SECONDS log=$logs/some.log
    echo "== tests: ${runner[*]} $*"
    "${runner[@]}" "$@" 2>&1 | tee "$log" | grep --line-buffered -avE "$summary" || status=${PIPESTATUS[0]}
    conclude "$status" "$start" "$log"
}

case ${1:-} in
--row)
    if [ "$2" = release ]; then run_release; else run_row "$2"; fi
    exit
    ;;
--apart) shift ;;
--check)
    tools/setup.sh test
    export DAFT_CHECK=1 DAFT_SEEDS=${DAFT_SEEDS:-1-10} # of the simulation
    exec tools/apart.sh --memory tools/test.sh --apart "$@"
    ;;
*)
    [ $# -gt 0 ] || announce
    part setup tools/setup.sh test
    exec tools/apart.sh tools/test.sh --apart "$@"
    ;;
esac
mode=${1:-all}
mode=${mode#--}
parts_before "$@"
mkdir -p "$logs"
case $mode in
all) mapfile -t wanted < <(names && echo release) && run_rows "${wanted[@]}" ;;
check) mapfile -t wanted < <(names | grep -vxE "$with_programs") && run_rows "${wanted[@]}" ;;
*) run_some "$@" ;;
esac
