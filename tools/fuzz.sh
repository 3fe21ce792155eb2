#!/usr/bin/env bash
# Fuzzes daft's decoders: tools/fuzz.sh [NAME…] [--seconds S | --runs N] [--seed K] [--jobs J] [--keep]
#
# Each target of Tests/Fuzz, or those named, runs the kept corpus in Tests/Fuzz/corpus, then mutations of libFuzzer for
# S seconds (60) or N executions; J targets run concurrently (1). The same seed and corpus give the same inputs.
# `--keep` adds inputs with new coverage to the corpus and removes redundant ones. If a target fails, the input is left
# in .build/fuzz/found.
set -euo pipefail
cd "$(dirname "$0")/.."

names=() limit=(-max_total_time=60) jobs=1 keep=no
while [ $# -gt 0 ]; do
    case $1 in
    --seconds) limit[0]=-max_total_time=$2 && shift ;;
    --runs) limit[0]=-runs=$2 && shift ;;
    --seed) limit+=("-seed=$2") && shift ;;
    --jobs) jobs=$2 && shift ;;
    --keep) keep=yes ;;
    -*)
        sed -n '2,7s/^# \?//p' "$0" >&2
        exit 2
        ;;
    *) names+=("$1") ;;
    esac
    shift
done

scratch=.build/fuzz
found=$scratch/found
mkdir -p "$found"

DAFT_FUZZ=1 swift build --quiet -c release --scratch-path "$scratch" --product Fuzz \
    -Xswiftc -sanitize=fuzzer,address -Xswiftc -enable-testing -Xswiftc -use-ld=lld
# Swift's backtraces interfere with libFuzzer's, its permanent allocations are no leaks, and recording allocation stacks
# would take a third of the time.
export SWIFT_BACKTRACE=enable=no ASAN_OPTIONS=detect_leaks=0:malloc_context_size=0
# A catalogue frees so much memory that the sanitizer's quarantine would take a quarter of the time.
brief=quarantine_size_mb=1:thread_local_quarantine_size_kb=64:max_malloc_fill_size=0
program=$PWD/$scratch/release
[ ${#names[@]} -gt 0 ] || mapfile -t names < <("$program/Fuzz")

# Runs one target in a subshell: prints one line on success, else libFuzzer's output.
fuzz() {
    local name=$1 began=$SECONDS work log kept=Tests/Fuzz/corpus/$1.txt
    work=$(mktemp -d) log=$found/$name.log
    trap "rm -rf ${work@Q}" EXIT
    mkdir "$work/new" "$work/kept"
    ln -sf Fuzz "$program/fuzz-$name"
    "$program/Fuzz" seeds "$name" "$work/kept"
    "$program/Fuzz" unpack "$kept" "$work/kept"
    case $name in catalogue | rows) export ASAN_OPTIONS=$ASAN_OPTIONS:$brief ;; esac
    if ! "$program/fuzz-$name" -artifact_prefix="$found/$name-" -print_final_stats=1 -timeout=10 -rss_limit_mb=1024 \
        -malloc_limit_mb=64 "${limit[@]}" "$work/new" "$work/kept" >"$log" 2>&1; then
        grep -v '^#' "$log" | tail -60 >&2
        echo "fuzz: $name failed; its input is in $found, all that was said in $log" >&2
        return 1
    fi
    if [ "$keep" = yes ]; then
        mkdir "$work/best"
        "$program/fuzz-$name" -merge=1 -set_cover_merge=1 -use_counters=0 "$work/best" "$work/kept" "$work/new" \
            >>"$log" 2>&1
        "$program/Fuzz" pack "$work/best" "$kept"
    fi
    awk -v name="$name" -v seconds="$((SECONDS - began))" '/number_of_executed_units/ { runs = $2 }
        / cov: / { for (i = 1; i < NF; i++) if ($i == "cov:") coverage = $(i + 1) }
        END { printf "%-12s %10d executions in %4d s, %5d places reached\n", name, runs, seconds, coverage }' "$log"
}

failed=0
for name in "${names[@]}"; do
    while [ "$(jobs -pr | wc -l)" -ge "$jobs" ]; do wait -n || failed=1; done
    fuzz "$name" &
done
while [ -n "$(jobs -p)" ]; do wait -n || failed=1; done
exit $failed
