#!/usr/bin/env bash
# Runs the tests; the last line is "N passed, N failed".
#   tests/run.sh          all that is to fit half an hour on 2 cores
#   tests/run.sh --long   the soak and other long tests, stress under sanitizers,
#                         how sockets behave on the planes, Debian's programs,
#                         long fuzzing, clang-tidy, a boot with Debian's kernel
#                         (tests/LONG.md)
#   --no-skips            a failure is also what is skipped
# Some tests need what not every machine has: root, namespaces, containers, a
# registry of packages. Without it they are skipped, and the lines before the last
# one name them: "skipped: NAME: WHY".
set -uo pipefail
cd "$(dirname "$0")/.."

long=
no_skips=
for argument in "$@"; do
  case "$argument" in
    --long) long=1 ;;
    --no-skips) no_skips=1 ;;
    *)
      echo "usage: tests/run.sh [--long] [--no-skips]" >&2
      exit 64
      ;;
  esac
done

bash deploy/install_packages.sh --tests || exit 1

cache=${XDG_CACHE_HOME:-$HOME/.cache}/wspd-bazel
work=$(mktemp -d /tmp/wspd-tests.XXXXXX)
trap 'rm -rf "$work"' EXIT
source tests/results.sh

# Under a sanitizer: what is about threads and ends, so often, and a minute of
# everything at once.
stress() {
  local config=$1 tests=("${@:2}")
  bazel_tests "$config repeated" --config="$config" --build_tests_only \
    --runs_per_test="$stress_runs" "${tests[@]/#///tests/lifecycle:}"
  bazel_tests "$config stress" --config="$config" --test_tag_filters=long_run \
    //tests/stress:stress_long_test
}

# What documents say to run by that, with what a test adds to it.
bazel_run() {
  bazel run --disk_cache="$cache" --noshow_progress --ui_event_filters=-info \
    --strategy=CppCompile=local --strategy=CppLink=local "$@"
}

if [ -n "$long" ]; then
  stress_runs=10
  bazel_tests long --test_tag_filters=long_run --test_timeout=3600 //tests/...
  check "benchmark of decisions" \
    bazel_run -c opt //daemon/policy:decision_benchmark
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
  # An answer that Bazel has kept may be of a time without the means.
  bazel_tests default --build_tests_only=false \
    ${no_skips:+--nocache_test_results} //...
  check "benchmark of listings" \
    bazel_run //daemon/admin:socket_listing_benchmark -- --smoke
  check "benchmark of the journal" \
    bazel_run //daemon/journal:event_journal_benchmark -- --smoke
  check "quickstart" bash tests/quickstart.sh
  check "boot" bash tests/service/boot.sh
  check "containers" bash tests/containers/run.sh
  bazel_tests tsan --config=tsan --build_tests_only //daemon/... \
    //client_stub/... //tests/{lifecycle,stress}/...
  bazel_tests asan --config=asan --build_tests_only //daemon/... \
    //client_stub/... //tests/{lifecycle,stress,hostile}/...
  check "short fuzzing" bash tests/fuzz/run.sh --seconds 30 --together
fi

report
