#!/usr/bin/env bash
# What the completions offer for a line that is begun, and that they have all
# options that the programs say they have. Of bash-completion they need only
# where the cursor is, which is made up here.
# What a daemon knows they offer of one that runs here.
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
__ltrim_colon_completions() { ltrimmed=$1; }
# shellcheck disable=SC2317
compopt() { [ "$*" = "-o nospace" ]; }
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

# What is listed has fields of its own; more of them stand behind a comma.
expect kept_result_bytes in wspctl clients --fields k
expect bytes_sent in wspctl sockets --fields ""
expect bytes_sent in wspctl sockets --fields = by
expect pid,bytes_sent in wspctl sockets --fields pid,b
expect canonical_name in wspctl names --fields c
expect canonical_name not-in wspctl clients --fields c
expect clients not-in wspctl --fields ""
expect client_died in wspctl watch --kind client
expect client_died,socket_refused in wspctl watch --kind client_died,s
expect relayed,lent in wspctl sockets --plane relayed,
expect linux in wspctl clients --kind = ""

# Behind a command what it takes, and no other command.
expect test in wspctl policy ""
expect clients not-in wspctl policy ""
expect resolve in wspctl policy test re
expect resolve not-in wspctl policy test resolve ""
expect a_file in wspctl check-config a
expect a_file not-in wspctl check-config a_file ""
expect wsp.v1.Admin in wspctl health ""
expect wsp.v1.Provider in wspctl health wsp
expect DEBUG not-in wspctl log-level INFO ""
for command in top info drain reload version watch clients reset; do
  expect clients not-in wspctl "$command" ""
done
expect clients not-in wspctl sockets --uid ""
expect --kind in wspctl watch -

# What a daemon knows: a program's relayed socket and one that is lent.
work=$(mktemp -d /tmp/wspd-completion.XXXXXX)
children=()
# shellcheck disable=SC2317
finish() {
  kill "${children[@]}"
  wait "${children[@]}" || true
  rm -rf "$work"
} 2>/dev/null
trap finish EXIT
"$4" --provider_socket "$work/wspd.sock" --admin_socket "$work/admin.sock" \
  2>"$work/log" &
children+=($!)
admin=("$(basename "$2")" --socket "$work/admin.sock")
# await WHAT COMMAND...: until that succeeds, a minute at most.
await() {
  local end=$((SECONDS + 60))
  until "${@:2}" >/dev/null 2>&1; do
    [ $SECONDS -lt $end ] || {
      echo "waited a minute for $1; wspd's log: $(cat "$work/log")" >&2
      exit 1
    }
    sleep 0.05
  done
}
await "wspd" "${admin[@]}" health
for plane in relayed lent; do
  "$3" --socket "$work/wspd.sock" --plane "$plane" /usr/bin/python3 -c '
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
open(sys.argv[1], "w").close()
time.sleep(600)' "$work/$plane" &
  child=$!
  children+=("$child")
  await "a socket that is $plane" test -e "$work/$plane"
  for command in client clients names sockets disconnect watch; do
    expect "$child" in "${admin[@]}" "$command" ""
  done
  expect "$child" in "${admin[@]}" sockets --uid 0 ""
  expect "$child" in "${admin[@]}" clients 1 ""
  expect "$child" not-in "${admin[@]}" sockets 1 ""
  expect "$child" not-in "${admin[@]}" reset ""
  shown=$("${admin[@]}" sockets "$child" --fields client_id,socket_id |
    awk 'NR > 1 { print $1 "/" $2 }')
  for command in reset close; do
    expect "$shown" in "${admin[@]}" "$command" ""
    expect "$shown" in "${admin[@]}" "$command" "${shown:0:4}"
    expect "$shown" not-in "${admin[@]}" "$command" "$shown" ""
    ltrimmed=
    expect "$shown" in "${admin[@]}" "$command" "$shown"
    [ "$ltrimmed" = "$shown" ] || {
      echo "of $command: what is before a colon isn't left out" >&2
      failures=$((failures + 1))
    }
  done
done
# And what is offered is what it takes.
line=("${admin[@]}" reset "$("${admin[@]}" --json sockets --fields client_id \
  --plane relayed | tr -dc '0-9')/")
_wspctl
"${admin[@]}" reset "${COMPREPLY[0]}" >/dev/null

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
