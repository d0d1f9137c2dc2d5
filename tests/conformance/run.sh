#!/usr/bin/env bash
# Judges a service provider, by default our own with a daemon of its own.
#   run.sh [--provider PATH] [--filter PATTERN] [--show_known] [--jobs N]
#          [--update] [--add REASON] [--group NAME]... [--plane forwarded|lent]
# Another provider is judged without the lists of our known failures and skips.
set -euo pipefail
cd "$(dirname "$0")/../.."
provider=
groups=()
passed_on=()
while [ $# -gt 0 ]; do
  case $1 in
    --provider) provider=$(realpath "$2"); shift 2 ;;
    --filter | --jobs | --add | --plane) passed_on+=("$1" "$2"); shift 2 ;;
    --group) groups+=("$2"); shift 2 ;;
    --show_known | --update) passed_on+=("$1"); shift ;;
    *) sed -n '2,5s/^# //p' "$0" >&2; exit 64 ;;
  esac
done
if [ ${#groups[@]} -eq 0 ]; then
  for source in tests/conformance/*_test.cc; do
    groups+=("$(basename "$source" _test.cc)")
  done
fi
targets=("${groups[@]/#///tests/conformance:}")
if [ -n "$provider" ]; then
  passed_on+=(--provider "$provider")
else
  targets+=(//daemon:wspd //client_stub:libwsp.so)
  passed_on+=(--provider bazel-bin/client_stub/libwsp.so
    --daemon bazel-bin/daemon/wspd
    --known_failures tests/conformance/known_failures.txt
    --known_skips tests/conformance/known_skips.txt)
fi
bazel build "${targets[@]}"
programs=("${groups[@]/#/bazel-bin/tests/conformance/}")
bash tests/conformance/run_group.sh tests/conformance/run_cases.py \
  "${passed_on[@]}" "${programs[@]}"
