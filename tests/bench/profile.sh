#!/usr/bin/env bash
# Where the time goes while one client sends in bulk, 64 KiB at a time with 8
# overlapped sends outstanding: a CPU profile of the daemon (wspd), the client
# (bench_client) and the server that reads (bench_peer).
#   tests/bench/profile.sh [--row NAME] [--data FILE] [--config TEXT]
# --row NAME     another row of run.sh, for example echo_64
# --data FILE    keeps what perf recorded
# --config TEXT  the daemon's configuration
# Needs the package linux-perf and the right to profile other processes. Samples
# by cpu-clock, which virtual machines without hardware counters have too.
set -euo pipefail

usage() { sed -n '5,8s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 64; }

row=bulk_64k_overlapped_8
data=
config=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case "$1" in
    --row) row=$2 ;;
    --config) config=$2 ;;
    --data) data=$(realpath -m -- "$2") ;;
    *) usage ;;
  esac
  shift 2
done
command -v perf > /dev/null || { echo "install linux-perf" >&2; exit 69; }

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bazel build --noshow_progress //tests/bench:wsp_bench //daemon:wspd \
  //client_stub:libwsp.so >&2

TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
data=${data:-$TMPDIR/perf.data}
perf record --quiet -e cpu-clock -F 2500 -g -a -o "$data" -- \
  bazel-bin/tests/bench/wsp_bench --ours_only "--config=$config" --rows="$row" --rounds=20 \
  --provider="$PWD/bazel-bin/client_stub/libwsp.so" \
  --wspd="$PWD/bazel-bin/daemon/wspd"

# The threads of a process have names of their own.
report() {
  perf report --stdio --no-children -g none -i "$data" "$@" < /dev/null 2> /dev/null |
    sed -n '/^ *[0-9.]*%/{s/\( *-\)* *$//;p}'
}
echo
echo "== CPU time by thread"
report --sort comm --percent-limit 1
while read -r name threads; do
  echo
  echo "== $name: $threads"
  report --comm "$threads" --percentage relative --sort comm,dso \
    --percent-limit 1
  echo
  report --comm "$threads" --percentage relative --sort comm,dso,symbol |
    sed -n 1,25p
done << 'END'
daemon wspd,wspd-queue,wspd-loop-0,wspd-loop-1
client bench_client,wsp
server bench_peer
END
