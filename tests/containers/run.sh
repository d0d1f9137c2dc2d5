#!/usr/bin/env bash
# wspd in containers: its image, the compose file, clients in other namespaces.
#   tests/containers/run.sh [--bin FOLDER] [TEST...]
# --bin takes what Bazel has built from there. TEST: as unittest names them, for
# example compose_test.SharedPidTest; by default all. Where no container can be
# run it says "skipped:".
set -euo pipefail
cd "$(dirname "$0")/../.."

bin=
while [ $# -gt 0 ]; do
  case "$1" in
    --bin)
      bin=$(realpath "$2")
      shift 2
      ;;
    -*)
      echo "usage: $0 [--bin FOLDER] [TEST...]" >&2
      exit 64
      ;;
    *) break ;;
  esac
done
[ $# -gt 0 ] || set -- image_test docker_test compose_test container_rules_test readme_test

skip() {
  echo "skipped: $*"
  exit 0
}
[ "$(id -u)" -eq 0 ] || skip "only root can run the containers"
for program in podman runc curl nginx; do
  command -v "$program" >/dev/null || skip "no container runtime ($program)"
done

if [ -z "$bin" ]; then
  bazel build --noshow_progress --ui_event_filters=-info \
    --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
    //daemon:wspd //daemon/wspctl //client_stub:wsprun \
    //client_stub:libwsp.so //client_stub:libwsp_preload.so
  bin=$(bazel info --noshow_progress bazel-bin 2>/dev/null)
fi
cd tests/containers
# What a single test lacks is said as what all lack.
WSPD_BINARIES=$bin /usr/bin/python3 -B -m unittest --verbose "$@" 2>&1 |
  sed -uE "p; s/^.* \.\.\. skipped ['\"](.*)['\"]\$/skipped: \1/; t; d"
