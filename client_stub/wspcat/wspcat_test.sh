#!/bin/bash
# wspcat against wspcat, over a provider that uses the kernel's own sockets.
set -eu

wspcat=client_stub/wspcat/wspcat
provider="$PWD/client_stub/spi_client/testing/libkernel_provider.so"
dir=$(mktemp -d)
cleanup() {
  local children
  children=$(jobs -p)
  [[ -z "$children" ]] || kill $children 2>/dev/null || true
  rm -rf "$dir"
}
trap cleanup EXIT

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

run() { "$wspcat" --provider "$provider" "$@"; }

# Waits for `wspcat listen 2>FILE` to tell its port. Each listener has a FILE of
# its own: an older one's words would be taken for its.
port_of() {
  local i
  for ((i = 0; i < 1000; ++i)); do
    if grep -qs listening "$1"; then
      sed 's/.*://' "$1"
      return
    fi
    sleep 0.01
  done
  fail "no listener: $(cat "$1")"
}

head -c 3000000 /dev/urandom >"$dir/to_server"
head -c 2000000 /dev/urandom >"$dir/to_client"
for address in 127.0.0.1 ::1; do
  listener="$dir/listener$address"
  run listen "$address" 0 <"$dir/to_client" >"$dir/at_server" 2>"$listener" &
  server=$!
  run connect "$address" "$(port_of "$listener")" \
    <"$dir/to_server" >"$dir/at_client" || fail "connect $address"
  wait $server || fail "listen $address"
  cmp "$dir/to_server" "$dir/at_server" || fail "to the server, $address"
  cmp "$dir/to_client" "$dir/at_client" || fail "to the client, $address"
done

# One way only: the receiver doesn't touch its input, which never ends.
mkfifo "$dir/endless"
exec 9<>"$dir/endless"
run --recv-only listen 127.0.0.1 0 <&9 >"$dir/at_server" \
  2>"$dir/one_way" &
server=$!
run --send-only connect 127.0.0.1 "$(port_of "$dir/one_way")" \
  <"$dir/to_server"
wait $server || fail "--recv-only"
cmp "$dir/to_server" "$dir/at_server" || fail "--send-only"
closed_port=$(port_of "$dir/one_way")

# Failures name the call and the code.
status=0
run connect 127.0.0.1 "$closed_port" <&9 2>"$dir/err" || status=$?
[[ $status = 1 ]] || fail "status $status of a refused connection"
grep -q '^wspcat: WSPConnect: WSAECONNREFUSED (10061)$' "$dir/err" ||
  fail "message: $(cat "$dir/err")"
status=0
run connect nowhere 1 2>"$dir/err" || status=$?
[[ $status = 2 ]] || fail "status $status of a wrong command line"
status=0
"$wspcat" --provider /nowhere.so connect ::1 1 2>"$dir/err" || status=$?
[[ $status = 1 ]] || fail "status $status without a provider"
grep -q /nowhere.so "$dir/err" || fail "message: $(cat "$dir/err")"

# Held connections stay until the client is killed.
run listen 127.0.0.1 0 <&9 2>"$dir/held_by" &
port=$(port_of "$dir/held_by")
run --hold 1 connect 127.0.0.1 "$port" >"$dir/held" &
holder=$!
for ((i = 0; i < 1000; ++i)); do
  grep -qs '^holding 1$' "$dir/held" && break
  sleep 0.01
done
grep -q '^holding 1$' "$dir/held" || fail "--hold: $(cat "$dir/held")"
kill -0 $holder || fail "--hold ended"

# Without --provider, libwsp.so beside the program is used.
mkdir "$dir/bin"
cp "$wspcat" "$dir/bin/wspcat"
cp "$provider" "$dir/bin/libwsp.so"
status=0
"$dir/bin/wspcat" connect 127.0.0.1 "$closed_port" <&9 2>"$dir/err" || status=$?
[[ $status = 1 ]] || fail "status $status by the default provider"
grep -q WSAECONNREFUSED "$dir/err" || fail "message: $(cat "$dir/err")"
echo PASSED
