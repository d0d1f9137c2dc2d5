#!/usr/bin/env bash
# Builds wspd and shows it at work: a program without any network fetches from a
# web server through the daemon, and a killed program leaves nothing behind.
#   deploy/quickstart.sh [--keep]
# --keep leaves the daemon running and says how to use it. Exits with 0 only if
# everything was as said. Needs Debian 12, root or sudo for the packages.
set -euo pipefail
cd "$(dirname "$0")/.."

keep=
case "${1:-}" in
  "") ;;
  --keep) keep=1 ;;
  *)
    echo "usage: deploy/quickstart.sh [--keep]" >&2
    exit 64
    ;;
esac

work=$(mktemp -d /tmp/wspd-quickstart.XXXXXX)
pids=()
stop_all() {
  local pid
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2>/dev/null || true; done
  rm -rf "$work"
}
trap stop_all EXIT

say() { printf '\n\033[1m%s\033[0m\n' "$*"; }
[ -t 1 ] || say() { printf '\n%s\n' "$*"; }
fail() {
  echo "quickstart: $*" >&2
  [ -s "$work/wspd.log" ] && { echo "wspd's log ends:" >&2; tail -n 20 "$work/wspd.log" >&2; }
  exit 1
}
# Waits until a command succeeds, for a minute at most.
await() {
  local what=$1 i
  shift
  for ((i = 0; i < 600; ++i)); do
    if "$@" >/dev/null 2>&1; then return 0; fi
    sleep 0.1
  done
  fail "waited a minute for $what"
}

say "1. Building (a few minutes the first time)"
bash deploy/install_packages.sh
bazel build --noshow_progress --ui_event_filters=-info \
  --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
  //daemon:wspd //daemon/wspctl //client_stub/wspcat //client_stub:libwsp.so
bin=$(bazel info --noshow_progress bazel-bin 2>/dev/null)
wspd=$bin/daemon/wspd
wspctl() { "$bin/daemon/wspctl/wspctl" --socket "$work/admin.sock" "$@"; }
wspcat=("$bin/client_stub/wspcat/wspcat" --provider "$bin/client_stub/libwsp.so")
export WSPD_SOCKET=$work/wspd.sock
# A network namespace with nothing in it, not even an address on lo.
no_network=(unshare -n)
[ "$(id -u)" -eq 0 ] || no_network=(unshare -rn)

say "2. Starting wspd on $work/wspd.sock, and nginx with a file of 8 MiB"
"$wspd" --provider_socket "$WSPD_SOCKET" --admin_socket "$work/admin.sock" \
  >/dev/null 2>"$work/wspd.log" &
daemon=$!
pids+=("$daemon")
await "wspd" wspctl health
mkdir "$work/www"
chmod 755 "$work" "$work/www"
head -c 8388608 /dev/urandom >"$work/www/file"
chmod 644 "$work/www/file"
port=$(/usr/bin/python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
cat >"$work/nginx.conf" <<CONF
daemon off;
worker_processes 1;
pid $work/nginx.pid;
error_log $work/nginx.log;
events {}
http {
  access_log off;
  client_body_temp_path $work; proxy_temp_path $work; fastcgi_temp_path $work;
  uwsgi_temp_path $work; scgi_temp_path $work;
  server { listen 127.0.0.1:$port; root $work/www; }
}
CONF
/usr/sbin/nginx -c "$work/nginx.conf" 2>>"$work/nginx.log" &
pids+=("$!")
await "nginx" /usr/bin/python3 -c "import socket
socket.create_connection(('127.0.0.1', $port))"

say "3. Fetching the file from a process without a network"
echo "   its network namespace: $("${no_network[@]}" cat /proc/net/dev | tail -n +3 | awk '{print $1}' | tr '\n' ' ')(down, no address)"
printf 'GET /file HTTP/1.0\r\nHost: localhost\r\n\r\n' |
  "${no_network[@]}" "${wspcat[@]}" --keep-open connect 127.0.0.1 "$port" \
    >"$work/answer" ||
  fail "wspcat failed"
# The body is what follows the first empty line.
/usr/bin/python3 - "$work/answer" "$work/www/file" <<'PY' ||
import sys
answer = open(sys.argv[1], "rb").read()
head, _, body = answer.partition(b"\r\n\r\n")
same = body == open(sys.argv[2], "rb").read()
print("   " + head.split(b"\r\n")[0].decode(errors="replace") + ",",
      len(body), "bytes,", "byte for byte the same" if same else "DIFFERENT")
sys.exit(0 if same else 1)
PY
  fail "what arrived isn't what nginx serves"

say "4. A second client holds 5 connections; this is what the daemon knows"
mkfifo "$work/pid"
/usr/bin/python3 deploy/quickstart_peer.py "$work/port" 5 "$work/pid" \
  "$bin/daemon/wspctl/wspctl" --socket "$work/admin.sock" --json sockets \
  >"$work/peer.log" &
peer=$!
pids+=("$peer")
await "the peer" test -s "$work/port"
"${no_network[@]}" "${wspcat[@]}" --hold 5 connect 127.0.0.1 "$(cat "$work/port")" \
  >"$work/hold.log" 2>&1 &
client=$!
pids+=("$client")
# Its death is expected; the shell need not announce it.
disown "$client"
await "the connections" grep -q accepted "$work/peer.log"
echo
wspctl clients
echo
wspctl sockets
[ "$(wspctl --json sockets "$client" | wc -l)" -eq 5 ] ||
  fail "wspctl does not list the client's 5 sockets"

say "5. Killing it with SIGKILL"
echo "$client" >"$work/pid"
wait "$peer" || fail "$(tail -n 1 "$work/peer.log")"
echo "   its peers: $(tail -n 2 "$work/peer.log" | head -n 1)"
echo "   $(tail -n 1 "$work/peer.log")"
grep 'client died' "$work/wspd.log" | sed 's/^/   the log: /'

if [ -n "$keep" ]; then
  say "wspd keeps running. To use it:"
  echo "   export WSPD_SOCKET=$WSPD_SOCKET"
  echo "   ${no_network[*]} ${wspcat[*]} connect ADDRESS PORT"
  echo "   $bin/daemon/wspctl/wspctl --socket $work/admin.sock clients"
  echo "   kill $daemon; rm -rf $work     # to stop it"
  trap - EXIT
  kill "${pids[1]}" 2>/dev/null || true
  disown "$daemon"
  exit 0
fi
say "6. Stopping"
kill "$daemon"
wait "$daemon" || fail "wspd did not stop in order (status $?)"
echo "   wspd ended in order; everything was as said."
