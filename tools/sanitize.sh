#!/usr/bin/env bash
# Builds everything with ThreadSanitizer and with AddressSanitizer in separate directories, and runs with each the tests
# of the concurrent layers, then several concurrent users for half of SECONDS (60; the promise's run uses 1800). Any
# report is printed and fails the run: tools/sanitize.sh [SECONDS [thread|address]].
set -euo pipefail
cd "$(dirname "$0")/.."
seconds=${1:-60}
layers='DaftLinkTests|DaftStoreTests|DaftCatalogueTests|DaftEngineTests|DaftZMQTests|DaftShellTests'

# Swift's own libraries are not instrumented: handovers.c annotates their synchronization.
handovers() {
    local libraries
    libraries=$(swiftc -print-target-info | sed -n 's/.*"runtimeResourcePath": "\(.*\)".*/\1\/linux/p')
    mkdir -p .build
    clang -O2 -shared -fPIC -Wall -o .build/handovers.so tools/handovers.c -L"$libraries" -lswift_Concurrency \
        -Wl,-rpath,"$libraries"
}

# Runs the matching tests under a sanitizer. Reports are written to files; there must be none.
run() {
    local sanitizer=$1 filter=$2 reports=.build/$1/reports status=0
    local bundle=.build/$sanitizer/debug/daftPackageTests.xctest common="log_path=$PWD/$reports/report:exitcode=66"
    local variables=(
        DAFT_MIX_SECONDS=$((seconds / 2)) SWIFT_BACKTRACE=enable=no
        TSAN_OPTIONS="$common:history_size=5:suppressions=$PWD/tools/tsan-suppressions.txt"
        ASAN_OPTIONS="$common:detect_leaks=0"
    )
    [ "$sanitizer" != thread ] || variables+=(LD_PRELOAD="$PWD/.build/handovers.so")
    rm -rf "$reports" && mkdir -p "$reports"
    env "${variables[@]}" "$bundle" --testing-library swift-testing --no-parallel --filter "$filter" 2>&1 || status=$?
    [ -z "$(ls "$reports")" ] || { cat "$reports"/* && status=66; }
    return $status
}

handovers
for sanitizer in ${2:-thread address}; do
    swift build --build-tests --sanitize="$sanitizer" --scratch-path ".build/$sanitizer"
    run "$sanitizer" "$layers"
    run "$sanitizer" MixTests
    echo "sanitize: the $sanitizer sanitizer has nothing to report"
done
