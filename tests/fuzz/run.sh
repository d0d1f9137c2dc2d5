#!/usr/bin/env bash
# Fuzzes the frame decoders of both sides with libFuzzer, under ASan and UBSan.
#   tests/fuzz/run.sh [--seconds N] [TARGET...]
# A finding stays in the working folder and is named at the end. The corpus is
# tests/fuzz/corpus/TARGET; what a run adds is kept outside the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=60
if [ "${1:-}" = --seconds ]; then
  seconds=$2
  shift 2
fi
targets=("$@")
[ ${#targets[@]} -gt 0 ] || \
  targets=(client_frames_fuzz server_frames_fuzz server_stream_fuzz)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel
labels=("${targets[@]/#///tests/fuzz:}")
bazel build --config=fuzz --disk_cache="$cache" --noshow_progress \
  "${labels[@]}"
bin=$(bazel info --config=fuzz bazel-bin 2>/dev/null)
work=$(mktemp -d /tmp/wspd-fuzz.XXXXXX)
for target in "${targets[@]}"; do
  mkdir -p "$work/$target"
  echo "== $target, $seconds s"
  if ! "$bin/tests/fuzz/$target" -max_total_time="$seconds" -timeout=20 \
    -rss_limit_mb=4096 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$work/" "$work/$target" "tests/fuzz/corpus/$target" \
    >"$work/$target.log" 2>&1; then
    tail -n 60 "$work/$target.log"
    echo "$target failed; input and log are in $work" >&2
    exit 1
  fi
  grep -E 'number_of_executed_units|new_units_added' "$work/$target.log"
done
rm -rf "$work"
