#!/bin/sh
# mpi.sh: a sweep on 1, 2 and 4 ranks of slipstick-mpi gives the bytes that the plain binary gives. SLIP_BINARY and SLIP_MPI_BINARY
# name them. Skipped (77) where there is no mpirun.
set -eu
: "${SLIP_BINARY:?names the binary under test}" "${SLIP_MPI_BINARY:?names slipstick-mpi}"
command -v mpirun >/dev/null || exit 77
export OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1 OMPI_MCA_btl_vader_single_copy_mechanism=none
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/sweep.yaml" <<'YAML'
job: serve
model: [llama-3.1-8b, qwen3-30b-a3b]
system: [hgx-h100, hgx-h20]
chips: [1, 2, 4, 8]
tpot: [20ms, 50ms]
YAML
"$SLIP_BINARY" sweep "$dir/sweep.yaml" --out "$dir/plain.db" >/dev/null
"$SLIP_BINARY" query "$dir/plain.db" 'SELECT * FROM runs' --csv >"$dir/plain"
test "$(wc -l <"$dir/plain")" = 33
for ranks in 1 2 4; do
  mpirun --oversubscribe -n $ranks "$SLIP_MPI_BINARY" sweep "$dir/sweep.yaml" --out "$dir/$ranks.db"
  "$SLIP_BINARY" query "$dir/$ranks.db" 'SELECT * FROM runs' --csv >"$dir/$ranks"
  cmp "$dir/plain" "$dir/$ranks"
done
# a file that cannot be read ends all ranks, once said
if mpirun --oversubscribe -n 2 "$SLIP_MPI_BINARY" sweep "$dir/absent.yaml" --out "$dir/no.db" 2>"$dir/err"; then exit 1; fi
test "$(grep -c absent.yaml "$dir/err")" -ge 1
