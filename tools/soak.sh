#!/usr/bin/env bash
# The long tests: all trials of every promise (docs/promises.md), with optimised programs where they are measured,
# including half an hour of chaos tests; half an hour under the sanitizers; then every fuzz target for a minute or as
# long as given: tools/soak.sh [--seconds S | --runs N]. DAFT_SEED=K sets the first seed. New fuzzing inputs go into the
# corpus, to be committed; the lines `promise: …` go into the table.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh test
tools/archives.sh
swift build -c release --static-swift-stdlib
swift build --build-tests
DAFT_SOAK=1 swift test --skip-build --disable-xctest --no-parallel --filter "PromiseTests|StrangerTests" 2>&1
nice -n 19 tools/sanitize.sh 1800
nice -n 19 tools/fuzz.sh --keep "$@"
