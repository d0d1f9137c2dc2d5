#!/usr/bin/env bash
# Where the time goes while one client sends in bulk, 64 KiB at a time with 8
# overlapped sends outstanding: a CPU profile of the daemon (wspd), the client
# (bench_client) and the server that reads (bench_peer).
#   tests/bench/profile.sh [--row NAME] [--data FILE]
# --row NAME   another row of run.sh, for example echo_64
# --data FILE  keeps what perf recorded
# Needs the package linux-perf and the right to profile other processes. Samples
# by cpu-clock, which virtual machines without hardware counters have too.
set -euo pipefail

usage() { sed -n '5,7s/^# *//p' "${BASH_SOURCE[0]}" >&2; exit 64; }

row=bulk_64k_overlapped_8
data=
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case "$1" in
    --row) row=$2 ;;
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
  bazel-bin/tests/bench/wsp_bench --ours_only --rows="$row" --rounds=20 \
  --provider="$PWD/bazel-bin/client_stub/libwsp.so" \
  --wspd="$PWD/bazel-bin/daemon/wspd"

report() { perf report --stdio --no-children -g none -i "$data" "$@" 2> /dev/null | grep -v '^#\|^$' || true; }
# Threads have names of their own; a process goes by its main thread's.
echo
echo "== CPU time by thread"
report --sort comm --percent-limit 1
for process in wspd bench_client bench_peer; do
  echo
  echo "== $process"
  report --comm "$process" --sort dso,symbol --percent-limit 0.4 | head -n 30
done
