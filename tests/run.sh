#!/usr/bin/env bash
# Runs the tests; the last line is "N passed, N failed".
#   tests/run.sh          all that is to fit half an hour on 2 cores
#   tests/run.sh --long   the soak and other long tests, stress under sanitizers,
#                         how sockets behave on the planes, Debian's programs,
#                         long fuzzing, clang-tidy, a boot with Debian's kernel
#                         (tests/LONG.md)
set -uo pipefail
cd "$(dirname "$0")/.."

usage() { echo "usage: tests/run.sh [--long]" >&2; exit 64; }
long=
case "${1:-}" in
  "") ;;
  --long) long=1 ;;
  *) usage ;;
esac

bash deploy/install_packages.sh --tests || exit 1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel
work=$(mktemp -d /tmp/wspd-tests.XXXXXX)
trap 'rm -rf "$work"' EXIT
passed=0
failed=0

# A check that is one case by itself.
check() {
  local name=$1
  shift
  echo "== $name"
  if "$@"; then
    passed=$((passed + 1))
  else
    echo "FAILED: $name"
    failed=$((failed + 1))
  fi
}

# Runs Bazel's tests in one configuration and counts their cases.
bazel_tests() {
  local name=$1
  shift
  echo "== $name"
  local status counts case_passed case_failed
  : >"$work/events.json"
  # Compilers need no sandbox to find an undeclared header: Bazel looks at what
  # they say that they read.
  bazel test --test_output=errors --disk_cache="$cache" --noshow_progress --keep_going \
    --strategy=CppCompile=local --strategy=CppLink=local \
    --test_summary=terse --build_event_json_file="$work/events.json" "$@"
  status=$?
  counts=$(/usr/bin/python3 -B tests/count_results.py "$name" "$work/events.json") ||
    counts=$'\n0 0'
  echo "$counts" | head -n -1
  read -r case_passed case_failed <<<"$(echo "$counts" | tail -n 1)"
  passed=$((passed + case_passed))
  failed=$((failed + case_failed))
  # What no case explains counts once, also a run without any.
  if { [ $status -ne 0 ] || [ "$case_passed" -eq 0 ]; } && [ "$case_failed" -eq 0 ]; then
    echo "FAILED: bazel test ended with $status ($name)"
    failed=$((failed + 1))
  fi
}

# Under a sanitizer: what is about threads and ends, so often, and a minute of
# everything at once.
stress() {
  local config=$1 tests=("${@:2}")
  bazel_tests "$config repeated" --config="$config" --build_tests_only \
    --runs_per_test="$stress_runs" "${tests[@]/#///tests/lifecycle:}"
  bazel_tests "$config stress" --config="$config" --test_tag_filters=long_run \
    //tests/stress:stress_long_test
}

# What counts its cases itself, on its last line.
counted() {
  local name=$1 case_passed case_failed
  shift
  echo "== $name"
  "$@" | tee "$work/counted"
  if read -r case_passed case_failed < <(tail -n 1 "$work/counted" |
    sed -n 's/^\([0-9]*\) passed, \([0-9]*\) failed$/\1 \2/p'); then
    passed=$((passed + case_passed))
    failed=$((failed + case_failed))
  else
    echo "FAILED: $name didn't end"
    failed=$((failed + 1))
  fi
}

if [ -n "$long" ]; then
  stress_runs=10
  bazel_tests long --test_tag_filters=long_run --test_timeout=3600 //tests/...
  stress asan {race,cancel,vanish,resume,unload,death}_test
  # The others aren't for ThreadSanitizer.
  stress tsan {race,cancel,resume,unload}_test
  # Of single functions; the short run has what they are made of.
  bazel_tests "asan functions" --config=asan --build_tests_only \
    //tests/{spi,name_space}/...
  bazel_tests "tsan functions" --config=tsan --build_tests_only \
    //tests/{spi,name_space}/...
  counted behaviour bash tests/preload/run.sh --plane all
  counted programs bash tests/interop/run.sh --long
  check "boot on Debian's kernel" bash tests/service/boot_vm.sh
  check "long fuzzing" bash tests/fuzz/run.sh --seconds 600 --together
  check "clang-tidy" bash tests/lint/tidy.sh
else
  check "format" bash tests/lint/format.sh
  bazel_tests default --build_tests_only=false //...
  check "quickstart" bash deploy/quickstart.sh
  check "boot" bash tests/service/boot.sh
  check "containers" bash tests/containers/run.sh
  bazel_tests tsan --config=tsan --build_tests_only //daemon/... \
    //client_stub/... //tests/{lifecycle,stress}/...
  bazel_tests asan --config=asan --build_tests_only //daemon/... \
    //client_stub/... //tests/{lifecycle,stress,hostile}/...
  check "short fuzzing" bash tests/fuzz/run.sh --seconds 30 --together
fi

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
