#!/bin/sh
# The runner of golden cases notices what it is there to notice. A stand-in for the binary prints its arguments to
# stdout, "oops" to stderr, and exits with its first argument.
set -eu
runner=$(cd "$(dirname "$0")" && pwd)/run.sh
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
cat >"$dir/binary" <<'BINARY'
#!/bin/sh
for a in "$@"; do echo "[$a]"; done
echo oops >&2
exit "$1"
BINARY
chmod +x "$dir/binary"
printf '[0]\n[a b]\n' >"$dir/right.out"
printf '[0]\n[a c]\n' >"$dir/wrong.out"

expect() { # expect STATUS NAME, the case on stdin
  cat >"$dir/$2.cli"
  got=0
  SLIP_BINARY="$dir/binary" "$runner" "$dir/$2.cli" >"$dir/log" 2>&1 || got=$?
  if [ "$got" != "$1" ]; then
    echo "case '$2' gave $got, not $1:" >&2
    cat "$dir/log" >&2
    exit 1
  fi
}

unset SLIP_SHARED SLIP_UPDATE
printf '# comment\n\nargs: 0 "a b"\nexit: 0\nstdout-has: [a b]\nstdout-lacks: [b]\nstderr-has: oops\nstdout-file: right.out\n' | expect 0 all-right
printf 'args: 3\nexit: 3\n' | expect 0 exit-code
printf 'args: 3\nexit: 0\n' | expect 1 wrong-exit-code
printf 'args: 0\nexit: 0\nstdout-has: absent\n' | expect 1 text-missing
printf 'args: 0\nexit: 0\nstdout-has: [0]\nstdout-has: absent\n' | expect 1 second-text-missing
printf 'args: 0\nexit: 0\nstdout-lacks: [0]\n' | expect 1 text-unwanted
printf 'args: 0\nexit: 0\nstderr-lacks: oops\n' | expect 1 stderr-unwanted
printf 'args: 0 "a b"\nexit: 0\nstdout-file: wrong.out\n' | expect 1 wrong-golden
printf 'args: 0\nexit: 0\nstdout-file: nowhere.out\n' | expect 1 golden-missing
printf 'args: 0\nexit: 0\nstdouthas: [0]\n' | expect 1 misspelt-field
printf 'args: 0\n' | expect 1 no-exit
printf 'args: 0 "$SLIP_SHARED"\nexit: 0\n' | expect 77 no-shared-folder
printf 'args: 0 -e "runtime error: x"\nexit: 0\nstdout-has: [-e]\n' | expect 0 dashes
