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
    --help | -h) sed -n '2,/^# "N passed/s/^# //p' "$0"; exit 0 ;;
    --plane=* | --filter=* | --jobs=*) passed_on+=("$1"); shift ;;
    *) sed -n '4s/^# *//p' "$0" >&2; exit 64 ;;
  esac
done
suite=tests/preload/behaviour
bazel build //$suite //$suite:peer //client_stub:wsprun \
  //client_stub:libwsp_preload.so //daemon:wspd
bash $suite/run_behaviour.sh $suite/run_behaviour.py \
  --body bazel-bin/$suite/behaviour --peer bazel-bin/$suite/peer \
  --wsprun bazel-bin/client_stub/wsprun --daemon bazel-bin/daemon/wspd \
  --known $suite/known_differences.txt "${passed_on[@]}"
