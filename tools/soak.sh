#!/usr/bin/env bash
# What takes too long for every run of the tests: every fuzzing target for a minute, or as long as is said:
# tools/soak.sh [--seconds S | --runs N]. What it found new goes into the corpus, to be committed.
set -euo pipefail
cd "$(dirname "$0")/.."
tools/setup.sh
nice -n 19 tools/fuzz.sh --keep "$@"
