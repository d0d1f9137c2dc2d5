#!/usr/bin/env bash
# deploy/quickstart.sh; then with --keep, after which what it says of how to use
# the daemon that it leaves is done.
set -euo pipefail
cd "$(dirname "$0")/.."
bash deploy/quickstart.sh

said=$(mktemp)
stop=
server=
finish() {
  local status=$?
  [ -z "$stop" ] || eval "$stop" || status=1
  [ -z "$server" ] || kill "$server"
  rm -f "$said"
  exit "$status"
}
trap finish EXIT
bash deploy/quickstart.sh --keep | tee "$said"
mapfile -t lines < <(sed -n '/^wspd keeps running/,$s/^   //p' "$said")
[ ${#lines[@]} -eq 4 ] || {
  echo "FAILED: --keep says ${#lines[@]} lines"
  exit 1
}
stop=${lines[3]}

coproc /usr/bin/python3 -c '
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(4096):
            self.request.sendall(data)
with socketserver.TCPServer(("127.0.0.1", 0), Echo) as server:
    print(server.server_address[1], flush=True)
    server.serve_forever()'
server=$COPROC_PID
read -r port <&"${COPROC[0]}"

eval "${lines[0]}"
answer=$(eval "${lines[1]/ADDRESS PORT/127.0.0.1 $port}" <<<"hello")
[ "$answer" = hello ] || {
  echo "FAILED: \"${lines[1]}\" got $answer"
  exit 1
}
eval "${lines[2]}" | grep '^CLIENT '
daemon=$(sed -n 's/^kill \([0-9]*\);.*/\1/p' <<<"$stop")
eval "$stop"
stop=
timeout 60 tail --pid="$daemon" -f /dev/null
echo "the daemon that was kept has ended"
