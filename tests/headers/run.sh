#!/bin/sh
# run.sh HEADER CC [CXX]: a public header compiles alone, as strict C17 and as strict C++17.
set -eu
header=$1
root=$(cd "$(dirname "$0")/../.." && pwd)
flags="-fsyntax-only -pedantic-errors -Wall -Wextra -Werror -I$root/include"
# shellcheck disable=SC2086  # the flags are words
printf '#include <%s>\n' "$header" | "$2" -x c -std=c17 $flags -
if [ -z "${3:-}" ]; then
  echo "no C++ compiler found: checked as C only"
  exit 77
fi
# shellcheck disable=SC2086
printf '#include <%s>\n' "$header" | "$3" -x c++ -std=c++17 $flags -
