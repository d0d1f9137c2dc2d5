#!/usr/bin/env bash
# What the completions offer for a line that is begun, and that they have all
# options that the programs say they have. Of bash-completion they need only
# where the cursor is, which is made up here.
#   completion_test.sh COMPLETION_OF_WSPCTL WSPCTL WSPRUN WSPD
set -euo pipefail
PATH=$(cd "$(dirname "$2")" && pwd):$PATH

# The last of `line` is the one that is being completed; what is tested has
# these variables.
# shellcheck disable=SC2034,SC2317
_init_completion() {
  words=("${line[@]}")
  cword=$((${#words[@]} - 1))
  cur=${words[cword]}
  prev=${words[cword - 1]}
}
# shellcheck disable=SC2317
_filedir() { COMPREPLY=(a_file); }
# shellcheck disable=SC2317
_command_offset() { COMPREPLY=("a_command_at_$1"); }
for program in wspctl wsprun wspd; do
  # shellcheck source=/dev/null
  source "$(dirname "$1")/$program"
done

failures=0
# expect WORD in|not-in WORDS...
expect() {
  local wanted=$1 how=$2
  line=("${@:3}")
  COMPREPLY=()
  "_$3"
  local found=not-in word
  for word in "${COMPREPLY[@]}"; do
    [ "$word" != "$wanted" ] || found=in
  done
  [ "$found" = "$how" ] && return
  echo "of \"${line[*]}\": $wanted is $found (${COMPREPLY[*]})" >&2
  failures=$((failures + 1))
}

expect sockets in wspctl so
expect names in wspctl na
expect --host in wspctl names --
expect --json in wspctl --
expect --peer-port in wspctl sockets --
expect --peer-port not-in wspctl clients --
expect --container in wspctl clients --
expect --fields in wspctl clients --
expect --client in wspctl watch --
expect winsock in wspctl clients --kind w
expect winsock not-in wspctl watch --kind w
expect a_file in wspctl clients --executable a
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

expect a_file in wsprun --socket a
expect lent in wsprun --plane l
expect a_command_at_3 in wsprun --plane lent curl -
expect a_command_at_2 in wsprun --fallback curl -
expect bash in wsprun bas
expect a_file in wspd --config a
expect WARNING in wspd --log_level W

# As --help lists them, at the beginning of a line; nobody lists --help itself.
options_of() {
  "$1" --help | grep -oE '^ +--[a-z_-]+(, --[a-z_-]+)*' | grep -oE -- '--[a-z_-]+'
  printf '%s\n' --help --version
}
for path in "$2" "$3" "$4"; do
  line=("$(basename "$path")" --)
  COMPREPLY=()
  "_${line[0]}"
  said=$(options_of "$path" | sort -u)
  [ "$(wc -w <<<"$said")" -gt 4 ] || said="--help says nothing: $said"
  offered=$(printf '%s\n' "${COMPREPLY[@]}" | sort -u)
  [ "$said" = "$offered" ] && continue
  echo "of ${line[0]} (< --help, > completion):" >&2
  diff <(echo "$said") <(echo "$offered") >&2 || true
  failures=$((failures + 1))
done
exit "$((failures != 0))"
