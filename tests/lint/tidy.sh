#!/usr/bin/env bash
# Runs clang-tidy over the project's C++ files: all, or those that are named.
set -euo pipefail
cd "$(dirname "$0")/../.."
bazel build --noshow_progress --ui_event_filters=-info \
  --disk_cache="${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel" \
  //proto/... >/dev/null
mapfile -t files < <(/usr/bin/python3 tests/lint/compile_commands.py | grep '\.cc$')
[ $# -eq 0 ] || files=("$@")
printf '%s\n' "${files[@]}" | xargs -P "$(nproc)" -n 4 clang-tidy-14 --quiet -p .
