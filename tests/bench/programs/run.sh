#!/usr/bin/env bash
# Measures unmodified programs under wsprun; tests/bench/run.sh --programs has
# the options. Of its own: --bin FOLDER, below which wspd, wsprun and
# libwsp_preload.so are as Bazel puts them, and --smoke, see run.py.
#
# Everything runs in a process namespace that ends with this script, however
# that ends, and in networks of its own; with a user namespace's root, one can
# only go back to a network of that namespace. Needs root or user namespaces.
set -euo pipefail

folder=$(dirname "${BASH_SOURCE[0]}")
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(unshare --map-root-user)
isolated=(unshare --net --pid --fork --kill-child --mount-proc)
"${as_root[@]}" "${isolated[@]}" unshare --net true || {
  echo "$0: needs root or user namespaces" >&2
  exit 77
}

TMPDIR=$(mktemp -d /tmp/wspd-bench.XXXXXX)
export TMPDIR
"${as_root[@]}" setpriv --pdeathsig KILL "${isolated[@]}" \
  /usr/bin/python3 -B "$folder/run.py" "$@" &
run=$!
# unshare itself ignores SIGTERM: it waits for its child.
trap 'pkill -TERM -P "$run" || true; wait "$run" || true; rm -rf "$TMPDIR"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
wait "$run"
