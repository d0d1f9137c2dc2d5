#!/usr/bin/env bash
# Fuzzes the frame decoders of both sides with libFuzzer, under ASan and UBSan.
#   tests/fuzz/run.sh [--seconds N] [--together] [TARGET...]
# --together runs the targets at the same time, and shows what each said when it
# has ended. A finding stays in the working folder and is named at the end; the
# other targets go on. The corpus is tests/fuzz/corpus/TARGET; what a run adds is
# kept outside the tree.
set -euo pipefail
cd "$(dirname "$0")/../.."

usage() { sed -n '3s/^# *//p' "$0" >&2; exit 64; }
seconds=60
together=
while [[ "${1:-}" == --* ]]; do
  case "$1" in
    --seconds)
      [ $# -ge 2 ] || usage
      seconds=$2
      shift
      ;;
    --together) together=1 ;;
    *) usage ;;
  esac
  shift
done
targets=("$@")
[ ${#targets[@]} -gt 0 ] || \
  targets=(client_frames_fuzz datagram_relay_fuzz server_frames_fuzz
    server_stream_fuzz)

cache=${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel
labels=("${targets[@]/#///tests/fuzz:}")
bazel build --config=fuzz --disk_cache="$cache" --noshow_progress \
  "${labels[@]}"
bin=$(bazel info --config=fuzz bazel-bin 2>/dev/null)
work=$(mktemp -d /tmp/wspd-fuzz.XXXXXX)
# Ctrl-C and the like end those in the background, too.
trap 'jobs -p | xargs -r kill 2>/dev/null || true' EXIT

# Becomes the fuzzer, in a subshell.
fuzz() {
  local target=$1
  mkdir -p "$work/$target"
  exec "$bin/tests/fuzz/$target" -max_total_time="$seconds" -timeout=20 \
    -rss_limit_mb=4096 -max_len=8192 -print_final_stats=1 \
    -artifact_prefix="$work/$target." "$work/$target" \
    "tests/fuzz/corpus/$target" >"$work/$target.log" 2>&1
}

failed=()
# What became of a target, by its status.
report() {
  local target=$1 status=$2
  echo "== $target, $seconds s"
  if [ "$status" -eq 0 ]; then
    grep -E 'number_of_executed_units|new_units_added' "$work/$target.log"
  else
    tail -n 60 "$work/$target.log"
    failed+=("$target")
  fi
}

pids=()
for target in "${targets[@]}"; do
  if [ -n "$together" ]; then
    fuzz "$target" &
    pids+=($!)
  else
    (fuzz "$target") && status=0 || status=$?
    report "$target" "$status"
  fi
done
for i in "${!pids[@]}"; do
  wait "${pids[$i]}" && status=0 || status=$?
  report "${targets[$i]}" "$status"
done

if [ ${#failed[@]} -gt 0 ]; then
  echo "${failed[*]} failed; inputs and logs are in $work" >&2
  exit 1
fi
rm -rf "$work"
