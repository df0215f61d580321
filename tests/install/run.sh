#!/bin/sh
# run.sh BUILD CC: what `make install` puts in place is enough: each example compiles, links and runs with nothing but
# pkg-config's answer, and the installed binary starts.
set -eu
build=$1
cc=$2
root=$(cd "$(dirname "$0")/../.." && pwd)
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cmake --install "$build" --prefix "$dir/moved" >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
mv "$dir/moved" "$dir/prefix" # the tree may be moved after installation

pc=$(find "$dir/prefix" -name slipstick.pc)
PKG_CONFIG_PATH=$(dirname "$pc")
LD_LIBRARY_PATH=$(dirname "$PKG_CONFIG_PATH")
export PKG_CONFIG_PATH LD_LIBRARY_PATH
version=$(sed -n 's/^#define SLIPSTICK_VERSION "\(.*\)"/\1/p' "$root/include/slipstick/slipstick.h")
test "$(pkg-config --modversion slipstick)" = "$version"
test "$(ls "$dir/prefix/include/slipstick")" = "$(cd "$root/include/slipstick" && ls ./*.h | sed 's,^\./,,')"

examples=0
for source in "$root"/examples/*.c; do
  [ -e "$source" ] || continue
  # shellcheck disable=SC2046  # flags are words
  "$cc" -std=c17 $(pkg-config --cflags slipstick) "$source" -o "$dir/example" $(pkg-config --libs slipstick)
  (cd "$root" && "$dir/example" >"$dir/log" 2>&1) || { cat "$dir/log" >&2; exit 1; }
  examples=$((examples + 1))
done
if [ -e "$build/slipstick" ]; then
  "$dir/prefix/bin/slipstick" --version | grep -F "$version"
fi
echo "$examples examples built against the installed library"
