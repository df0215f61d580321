#!/bin/sh
# Runs one golden case of the binary: run.sh CASE.cli, with SLIP_BINARY naming the binary.
#
#   # why this case exists
#   args: show h200 --json         one line, quoted as for a shell; $SLIP_SHARED, $SLIP_SOURCE_DIR and $TMP (a fresh
#                                  folder) may be used
#   exit: 0
#   stdout-has: TEXT               TEXT stands somewhere in the output; any number of these
#   stdout-lacks: TEXT
#   stderr-has: TEXT
#   stderr-lacks: TEXT
#   stdout-file: NAME.out          the output is exactly that file's; SLIP_UPDATE=1 rewrites it
#
# The binary runs in the case's folder. A case that uses $SLIP_SHARED is skipped (exit 77) where there is none.
set -u
case_file=$1
: "${SLIP_BINARY:?names the binary under test}"
cd "$(dirname "$case_file")" || exit 1
case_file=$(basename "$case_file")
TMP=$(mktemp -d) || exit 1
trap 'rm -rf "$TMP"' EXIT
export TMP

broken() {
  echo "$case_file: $1" >&2
  exit 1
}

field() { # every value of a key, one per line
  sed -n "s/^$1:[[:space:]]\{0,1\}//p" "$case_file"
}

unknown=$(grep -vnE '^(#|[[:space:]]*$|(args|exit|stdout-has|stdout-lacks|stderr-has|stderr-lacks|stdout-file):)' "$case_file")
[ -z "$unknown" ] || broken "not a field of a case: line $unknown"
[ "$(grep -c '^args:' "$case_file")" = 1 ] || broken "needs exactly one 'args:'"
[ "$(grep -c '^exit:' "$case_file")" = 1 ] || broken "needs exactly one 'exit:'"
args=$(field args)
want_exit=$(field exit | tr -d '[:space:]')

case $args in
*SLIP_SHARED*) [ -n "${SLIP_SHARED:-}" ] || { echo "skipped: no shared folder"; exit 77; } ;;
esac

eval "set -- $args" || broken "the shell cannot read: $args"
"$SLIP_BINARY" "$@" >"$TMP/stdout" 2>"$TMP/stderr" </dev/null
got_exit=$?

failures=0
fail() {
  echo "$case_file: $1" >&2
  failures=$((failures + 1))
}

check() { # check KEY FILE PRESENT|ABSENT
  field "$1" >"$TMP/expected"
  while IFS= read -r text; do
    if grep -qF -e "$text" "$TMP/$2"; then found=present; else found=absent; fi
    [ "$found" = "$3" ] || fail "'$text' is $found in $2"
  done <"$TMP/expected"
}

[ "$got_exit" = "$want_exit" ] || fail "exit $got_exit, not $want_exit"
check stdout-has stdout present
check stdout-lacks stdout absent
check stderr-has stderr present
check stderr-lacks stderr absent
for golden in $(field stdout-file); do
  if [ -n "${SLIP_UPDATE:-}" ]; then
    cp "$TMP/stdout" "$golden"
  elif ! diff -u "$golden" "$TMP/stdout" >"$TMP/diff" 2>&1; then
    fail "output is not $golden:"
    cat "$TMP/diff" >&2
  fi
done
if grep -qE 'AddressSanitizer|LeakSanitizer|runtime error:' "$TMP/stderr"; then
  fail "a sanitizer complained"
fi
if [ "$failures" -gt 0 ]; then
  echo "---- slipstick $args" >&2
  echo "---- stdout (first 40 lines)" >&2
  head -40 "$TMP/stdout" >&2
  echo "---- stderr (first 40 lines)" >&2
  head -40 "$TMP/stderr" >&2
  exit 1
fi
