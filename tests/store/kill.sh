#!/bin/sh
# kill.sh [POINTS-AXIS]: a sweep of a thousand points, killed with SIGKILL ten times at random moments and gone on with, gives in its
# queries the bytes of one that ran through. SLIP_BINARY names the binary.
set -eu
: "${SLIP_BINARY:?names the binary under test}"
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/sweep.yaml" <<'YAML'
job: train
model: llama-3.1-8b
system: [hgx-h100, hgx-h200]
chips: [8, 16, 32, 64, 128]
batch: [128, 256]
set:
  - {chip: h100, field: memory_tbs, times: {from: 1, to: 2, points: 10}}
  - {region: us-average, field: usd_per_kwh, to: [0.04, 0.06, 0.08, 0.10, 0.12]}
YAML
"$SLIP_BINARY" sweep "$dir/sweep.yaml" --out "$dir/whole.db" >"$dir/log"
grep -q '^1000 points: 0 were there, 1000 computed' "$dir/log"

# A run takes about this long; kills fall within it, at moments that differ from test to test.
start=$(date +%s%N)
"$SLIP_BINARY" sweep "$dir/sweep.yaml" --out "$dir/timing.db" >/dev/null
took=$(($(date +%s%N) - start))
seed=$(od -An -N4 -tu4 /dev/urandom | tr -d ' ')
echo "seed $seed, a run takes $((took / 1000000)) ms"
kills=0
for i in 1 2 3 4 5 6 7 8 9 10; do
  seed=$(((seed * 1103515245 + 12345) % 2147483648))
  wait_ms=$((seed % (took / 4000000 + 1) + 1))
  "$SLIP_BINARY" sweep "$dir/sweep.yaml" --out "$dir/killed.db" >/dev/null 2>&1 &
  pid=$!
  sleep "$(printf '%d.%03d' $((wait_ms / 1000)) $((wait_ms % 1000)))"
  if kill -KILL "$pid" 2>/dev/null; then kills=$((kills + 1)); fi
  wait "$pid" 2>/dev/null || true
  if [ -e "$dir/killed.db" ] && "$SLIP_BINARY" query "$dir/killed.db" 'SELECT count(*), count(DISTINCT point) FROM runs' --csv >"$dir/count" 2>/dev/null; then
    # what is there is whole rows, each once, and those of the whole run
    tail -1 "$dir/count" | awk -F, '{ exit $1 != $2 }'
  fi
done
"$SLIP_BINARY" sweep "$dir/sweep.yaml" --out "$dir/killed.db" | head -1
for query in 'SELECT * FROM runs' 'SELECT system, chips, min(step_s), sum(usd_per_step) FROM runs GROUP BY 1, 2'; do
  "$SLIP_BINARY" query "$dir/whole.db" "$query" --csv >"$dir/a"
  "$SLIP_BINARY" query "$dir/killed.db" "$query" --csv >"$dir/b"
  cmp "$dir/a" "$dir/b"
done
test "$(wc -l <"$dir/a")" -gt 1
echo "$kills kills, the same bytes"
test "$kills" -ge 5
