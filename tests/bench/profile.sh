#!/usr/bin/env bash
# Where the time goes while one client sends in bulk, 64 KiB at a time with 8
# overlapped sends outstanding: a CPU profile of the daemon (wspd), the client
# (bench_client) and the server that reads (bench_peer).
#   tests/bench/profile.sh [--row NAME] [--data FILE] [--config TEXT]
# Or of a row of run.sh --programs, by one way, of each thread that takes 2 %:
#   tests/bench/profile.sh --way NAME --row NAME [--data FILE] [--config TEXT]
# --row NAME     another row of run.sh, for example echo_64
# --way NAME     native, lent, relayed or dante
# --data FILE    keeps what perf recorded
# --config TEXT  the daemon's configuration
# Needs the package linux-perf and the right to profile other processes. Samples
# by cpu-clock, which virtual machines without hardware counters have too.
set -euo pipefail

usage() { sed -n '5,11s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 64; }

row=bulk_64k_overlapped_8
way=
data=
config=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case "$1" in
    --row) row=$2 ;;
    --way) way=$2 ;;
    --config) config=$2 ;;
    --data) data=$(realpath -m -- "$2") ;;
    *) usage ;;
  esac
  shift 2
done
command -v perf > /dev/null || { echo "install linux-perf" >&2; exit 69; }

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
targets=(//tests/bench:wsp_bench //daemon:wspd //client_stub:libwsp.so)
[ -z "$way" ] || targets=(//daemon:wspd //daemon/wspctl //client_stub:wsprun
  //client_stub:libwsp_preload.so)
bazel build --noshow_progress "${targets[@]}" >&2

TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
data=${data:-$TMPDIR/perf.data}
command=(bazel-bin/tests/bench/wsp_bench --ours_only "--config=$config"
  --rows="$row" --rounds=20 --provider="$PWD/bazel-bin/client_stub/libwsp.so"
  --wspd="$PWD/bazel-bin/daemon/wspd")
[ -z "$way" ] || command=(tests/bench/programs/run.sh --bin "$PWD/bazel-bin"
  --ways "$way" --rows "$row" --rounds 2 --config "$config")
perf record --quiet -e cpu-clock -F 2500 -g -a -o "$data" -- "${command[@]}"

# The threads of a process have names of their own.
report() {
  perf report --stdio --no-children -g none -i "$data" "$@" < /dev/null 2> /dev/null |
    sed -n '/^ *[0-9.]*%/{s/\( *-\)* *$//;p}'
}
echo
echo "== CPU time by thread"
report --sort comm --percent-limit 1
show() {
  local name=$1 threads=$2
  echo
  echo "== $name: $threads"
  report --comm "$threads" --percentage relative --sort comm,dso \
    --percent-limit 1
  echo
  report --comm "$threads" --percentage relative --sort comm,dso,symbol |
    sed -n 1,25p
}
if [ -n "$way" ]; then
  report --sort comm --percent-limit 2 | while read -r _ threads; do
    [ "$threads" = swapper ] || show thread "$threads"
  done
  exit
fi
while read -r name threads; do show "$name" "$threads"; done << 'END'
daemon wspd,wspd-queue,wspd-loop-0,wspd-loop-1
client bench_client,wsp
server bench_peer
END
