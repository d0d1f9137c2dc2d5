#!/usr/bin/env bash
# The behaviour suite of unmodified programs' sockets: one body, run natively
# and then under wsprun on each plane, in a network namespace without anything.
#   run.sh [--plane native|relayed|lent|all] [--filter PATTERN] [--jobs N]
# Differences have to be on behaviour/known_differences.txt. The last line is
# "N passed, N failed".
set -euo pipefail
cd "$(dirname "$0")/../.."
passed_on=()
while [ $# -gt 0 ]; do
  case $1 in
    --plane | --filter | --jobs)
      [ $# -ge 2 ] || { sed -n '4s/^# *//p' "$0" >&2; exit 64; }
      passed_on+=("$1" "$2")
      shift 2
      ;;
    --plane=* | --filter=* | --jobs=*) passed_on+=("$1"); shift ;;
    *) sed -n '4s/^# *//p' "$0" >&2; exit 64 ;;
  esac
done
targets=(//tests/preload/behaviour //tests/preload/behaviour:peer)
# Planes need the launcher, which may not be there yet.
if bazel query //client_stub:wsprun >/dev/null 2>&1; then
  targets+=(//client_stub:wsprun //daemon:wspd)
  passed_on+=(--wsprun bazel-bin/client_stub/wsprun --daemon bazel-bin/daemon/wspd)
fi
bazel build "${targets[@]}"
suite=tests/preload/behaviour
bash $suite/run_behaviour.sh $suite/run_behaviour.py \
  --body bazel-bin/$suite/behaviour --peer bazel-bin/$suite/peer \
  --known $suite/known_differences.txt "${passed_on[@]}"
