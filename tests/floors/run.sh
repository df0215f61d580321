#!/bin/sh
# The floors hold in this tree, and tools/check-floors sees each kind of breach when there is one.
set -eu
root=$(cd "$(dirname "$0")/../.." && pwd)
check=$root/tools/check-floors
"$check" "$root"

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
expect() { # expect pass|fail FILE LINE [TEXT that the complaint has]
  rm -rf "$dir/src" "$dir/include"
  mkdir -p "$dir/src/base" "$dir/include/slipstick" "$dir/$(dirname "$2")"
  echo '#include <stdio.h>' >"$dir/src/base/fine.c"
  printf '%s\n' "$3" >"$dir/$2"
  if "$check" "$dir" >"$dir/log" 2>&1; then got=pass; else got=fail; fi
  if [ "$got" != "$1" ] || ! grep -qF -e "${4:-}" "$dir/log"; then
    echo "$2 with '$3' should $1:" >&2
    cat "$dir/log" >&2
    exit 1
  fi
}
expect pass src/train/a.c '#include "cost/gemm.h"'
expect pass src/train/a.c '#include "serve/step.h"'
expect pass src/train/a.c '#include <slipstick/model.h>'
expect pass src/train/a.c '/* #include "cli/options.h" is what the faces do */'
expect pass src/cli/a.c '#include <slipstick/slipstick.h>'
expect pass src/cli/a.c '#include "report/table.h"'
expect pass src/cli/a.c '#include "cli/options.h"'
expect pass include/slipstick/slipstick.h '#include <slipstick/compare.h>'
expect fail src/cost/a.c '#include "train/step.h"' 'floor 2 includes'
expect fail src/cost/a.c '  #  include "train/step.h"' 'src/cost/a.c:1:'
expect fail src/base/a.h '#include <slipstick/catalog.h>' 'floor 0 includes'
expect fail src/train/a.c '#include <slipstick/slipstick.h>' 'of floor 8'
expect fail src/cli/a.c '#include "search/plans.h"' 'only public headers'
expect fail src/cli/a.c '#include "options.h"' 'headers are named from src/'
expect fail src/cost/a.c '#include "magic/wand.h"' 'no floor'
expect fail src/magic/a.c '#include <stdio.h>' 'no floor'
expect fail include/slipstick/wand.h '#include <stdio.h>' 'no floor'
expect fail include/slipstick/catalog.h '#include <slipstick/train.h>' 'floor 1 includes'
expect fail include/slipstick/catalog.h '#include "base/arena.h"' 'internal'
