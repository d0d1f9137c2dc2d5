#!/usr/bin/env bash
# Measures the provider against the kernel's own sockets and prints a table:
#   tests/bench/run.sh [--json FILE] [--rows PATTERN] [--rounds N]
#                      [--config TEXT]
# --json FILE     also writes a JSON line for each row there
# --rows PATTERN  only the rows whose names match, for example 'echo_*'
# --rounds N      paired rounds of each row; 15 by default
# --config TEXT   the daemons' configuration, for example 'threads { queues: 1 }'
#
# Each row has a daemon of its own on no particular CPU; the server's process is
# pinned to CPU 0, the client's to CPU 1. A round measures both, in turn. Shown
# are medians, that of the paired ratios too, and the interval that holds the
# true median with a probability of 95 %. Which of "ratio" and "ours" the target
# bounds, the "x" behind it tells.
#
# Ends with 0 if all rows could be measured, whether or not they reach their
# targets.
set -euo pipefail

usage() { sed -n '3,8s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 64; }

arguments=()
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case "$1" in
    --json) arguments+=("--json=$(realpath -m -- "$2")") ;;
    --rows | --rounds | --config) arguments+=("$1=$2") ;;
    *) usage ;;
  esac
  shift 2
done

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
bazel build --noshow_progress //tests/bench:wsp_bench //daemon:wspd \
  //client_stub:libwsp.so >&2

TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
echo "$(nproc) CPUs: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
  "Linux $(uname -r), load $(cut -d ' ' -f 1 /proc/loadavg)"
bazel-bin/tests/bench/wsp_bench --provider="$PWD/bazel-bin/client_stub/libwsp.so" \
  --wspd="$PWD/bazel-bin/daemon/wspd" "${arguments[@]}"
