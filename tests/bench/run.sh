#!/usr/bin/env bash
# Measures the provider against the kernel's own sockets and prints a table:
#   tests/bench/run.sh [--json FILE] [--rows PATTERN] [--rounds N]
#                      [--config TEXT]
# Or programs under wsprun, on each plane, against the same without it, and
# beside Dante with proxychains4; this takes minutes:
#   tests/bench/run.sh --programs [--json FILE] [--rows PATTERN] [--rounds N]
#                      [--config TEXT] [--seconds N] [--ways NAME,...]
# --json FILE     also writes a JSON line for each row there
# --rows PATTERN  only the rows whose names match, for example 'echo_*'
# --rounds N      paired rounds of each row; 15 by default, 5 of programs
# --config TEXT   the daemons' configuration, for example 'threads { queues: 1 }'
# --seconds N     how long programs measure at a time; 2 by default
# --ways NAMES    only these of native,lent,relayed,dante
#
# Each row has a daemon of its own on no particular CPU; the server's process is
# pinned to CPU 0, the client's to CPU 1. A round measures both, in turn. Shown
# are medians, that of the paired ratios too, and the interval that holds the
# true median with a probability of 95 %. Which of "ratio" and "ours" the target
# bounds, the "x" behind it tells.
#
# Programs' servers have the kernel's sockets; their clients run natively, under
# wsprun in an empty network namespace, and under proxychains4. Both daemons are
# on no particular CPU. The range is that of the rounds. What isn't installed is
# left out, with the package's name: deploy/install_packages.sh --bench has all.
# Needs root or user namespaces.
#
# Ends with 0 if all rows could be measured, whether or not they reach their
# targets.
set -euo pipefail

usage() { sed -n '3,14s/^# //p' "${BASH_SOURCE[0]}" >&2; exit 64; }

programs=
if [ "${1:-}" = --programs ]; then
  programs=1
  shift
fi
arguments=()
while [ $# -gt 0 ]; do
  [ $# -ge 2 ] || usage
  case "$1" in
    --json) arguments+=("--json=$(realpath -m -- "$2")") ;;
    --rows | --rounds | --config) arguments+=("$1=$2") ;;
    --seconds | --ways)
      [ -n "$programs" ] || usage
      arguments+=("$1=$2")
      ;;
    *) usage ;;
  esac
  shift 2
done

say_machine() {
  echo "$(nproc) CPUs: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1)," \
    "Linux $(uname -r), load $(cut -d ' ' -f 1 /proc/loadavg)"
}

cd "$(dirname "${BASH_SOURCE[0]}")/../.."
if [ -n "$programs" ]; then
  bazel build --noshow_progress //daemon:wspd //client_stub:wsprun \
    //client_stub:libwsp_preload.so >&2
  say_machine
  exec tests/bench/programs/run.sh --bin "$PWD/bazel-bin" "${arguments[@]}"
fi
bazel build --noshow_progress //tests/bench:wsp_bench //daemon:wspd \
  //client_stub:libwsp.so >&2

TMPDIR=$(mktemp -d)
export TMPDIR
trap 'rm -rf "$TMPDIR"' EXIT
say_machine
bazel-bin/tests/bench/wsp_bench --provider="$PWD/bazel-bin/client_stub/libwsp.so" \
  --wspd="$PWD/bazel-bin/daemon/wspd" "${arguments[@]}"
