#!/usr/bin/env bash
# deploy/quickstart.sh, of which it says how long each step took, and fails if
# what comes after building took more than the five minutes that the README
# promises; then with --keep, after which what it says of how to use the daemon
# that it leaves is done.
set -euo pipefail
cd "$(dirname "$0")/.."

MOST_SECONDS=300
now_ms() { echo "$((${EPOCHREALTIME//[!0-9]/} / 1000))"; }
seconds() { printf '%d.%01d s' "$(($1 / 1000))" "$(($1 % 1000 / 100))"; }
# Passes on what it reads, and says at the end how long each step took: its line
# begins with its number.
timed() {
  local line step='' since now spent building=0 rest=0 steps=()
  since=$(now_ms)
  end_step() {
    now=$(now_ms)
    spent=$((now - since))
    since=$now
    case $step in
      "") return ;;
      1.*) building=$spent ;;
      *) rest=$((rest + spent)) ;;
    esac
    steps+=("$(seconds "$spent")  $step")
  }
  while IFS= read -r line; do
    printf '%s\n' "$line"
    [[ $line =~ ^[0-9]+\.\  ]] || continue
    end_step
    step=$line
  done
  end_step
  [ ${#steps[@]} -ge 6 ] || {
    echo "FAILED: there are ${#steps[@]} steps"
    return 1
  }
  printf '%s\n' "How long it took:" "${steps[@]}"
  echo "building $(seconds "$building"), the rest $(seconds "$rest")"
  [ "$rest" -le $((MOST_SECONDS * 1000)) ] || {
    echo "FAILED: the rest is to take $MOST_SECONDS s at most"
    return 1
  }
}
bash deploy/quickstart.sh | timed

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
