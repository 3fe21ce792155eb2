#!/usr/bin/env bash
# check-shape.sh [RATE]: checks that every link of a box keeps its rate, with one flow, both directions at once, one to
# three, three to one, and a ring of four. Creates and removes its own box.
set -u
here=$(cd "$(dirname "$0")" && pwd)
rate=${1:-400mbit}
BOX_DIR=$(mktemp -d "${TMPDIR:-/tmp}/box-check.XXXXXX")/box
export BOX_DIR
trap '"$here/box.sh" down; rm -rf "${BOX_DIR%/box}"' EXIT

# measure HOST WORDS…: iperf3's result in Mbit/s; with --bidir in both directions.
measure() {
    "$here/box.sh" exec "$1" iperf3 -J -t 4 "${@:2}" | python3 -c '
import json, sys
end = json.load(sys.stdin)["end"]
rates = [end[key] for key in ("sum_received", "sum_received_bidir_reverse") if key in end]
print(" ".join("%.1f" % (rate["bits_per_second"] / 1e6) for rate in rates))'
}

# together NAME "HOST WORDS…"…: several concurrent measurements.
together() {
    local name=$1 flow
    shift
    for flow in "$@"; do
        # shellcheck disable=SC2086
        measure $flow >"$BOX_DIR/flow.${flow// /_}" &
    done
    wait
    echo "$rate, $name: $(cat "$BOX_DIR"/flow.* | tr '\n' ' ')"
    rm -f "$BOX_DIR"/flow.*
}

"$here/box.sh" up 4 "$rate" || exit 1
for i in 0 1 2 3; do for port in 5201 5202 5203; do "$here/box.sh" exec $i iperf3 -s -D -p $port; done; done
sleep 0.5
together "one flow" "0 -c n1"
together "both ways" "0 -c n1 --bidir"
together "one to three" "0 -c n1 -p 5202" "0 -c n2 -p 5202" "0 -c n3 -p 5202"
together "three to one" "1 -c n0 -p 5201" "2 -c n0 -p 5202" "3 -c n0 -p 5203"
together "ring of four" "0 -c n1 -p 5202" "1 -c n2 -p 5202" "2 -c n3 -p 5202" "3 -c n0 -p 5202"
