#!/usr/bin/env bash
# What the completion of wspctl offers for a line that is begun. Of
# bash-completion it needs only where the cursor is, which is made up here.
#   completion_test.sh COMPLETION WSPCTL
set -euo pipefail
PATH=$(cd "$(dirname "$2")" && pwd):$PATH

# The last of `line` is the one that is being completed; _wspctl has these
# variables.
# shellcheck disable=SC2034,SC2317
_init_completion() {
  words=("${line[@]}")
  cword=$((${#words[@]} - 1))
  cur=${words[cword]}
  prev=${words[cword - 1]}
}
# shellcheck disable=SC2317
_filedir() { COMPREPLY=(a_file); }
# shellcheck source=/dev/null
source "$1"

failures=0
# expect WORD in|not-in WORDS...
expect() {
  local wanted=$1 how=$2
  line=("${@:3}")
  COMPREPLY=()
  _wspctl
  local found=not-in word
  for word in "${COMPREPLY[@]}"; do
    [ "$word" != "$wanted" ] || found=in
  done
  [ "$found" = "$how" ] && return
  echo "of \"${line[*]}\": $wanted is $found (${COMPREPLY[*]})" >&2
  failures=$((failures + 1))
}

expect sockets in wspctl so
expect --json in wspctl --
expect --peer-port in wspctl sockets --
expect --peer-port not-in wspctl clients --
expect always in wspctl --color a
expect a_file in wspctl --socket a
expect relayed in wspctl sockets --plane re
expect DEBUG in wspctl log-level D
# An option's value is no command, and doesn't hide the one behind it.
expect --peer-port in wspctl --color always sockets --
expect --peer-port in wspctl --color = always sockets --
expect --peer-port in wspctl --socket run/admin.sock --color never sockets --
expect --json in wspctl --color always --
expect --peer-port not-in wspctl --socket sockets clients --
expect --server-name in wspctl --s
for option in --ca --cert --key; do
  expect a_file in wspctl "$option" a
  expect --peer-port in wspctl "$option" clients sockets --
done
for option in --endpoint --server-name; do
  expect clients not-in wspctl "$option" ""
  expect --peer-port in wspctl "$option" clients:7443 sockets --
done
exit "$((failures != 0))"
