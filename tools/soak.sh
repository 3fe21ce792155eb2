#!/usr/bin/env bash
# What takes too long for every run of the tests: all trials of every promise (docs/promises.md), with the optimised
# programs where they are measured, of which half an hour is of faults and clients at once; half an hour under the
# sanitizers; then every fuzzing target for a minute, or as long as is said: tools/soak.sh [--seconds S | --runs N].
# DAFT_SEED=K begins with that seed. What the fuzzers found new goes into the corpus, to be committed; the lines
# `promise: …` go into the table.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh test
tools/archives.sh
swift build -c release --static-swift-stdlib
swift build --build-tests
DAFT_SOAK=1 swift test --skip-build --disable-xctest --no-parallel --filter "PromiseTests|StrangerTests" 2>&1
nice -n 19 tools/sanitize.sh 1800
nice -n 19 tools/fuzz.sh --keep "$@"
