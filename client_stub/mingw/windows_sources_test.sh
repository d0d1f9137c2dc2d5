#!/bin/bash
# windows_sources_test.sh --compiled FILE... --posix FILE... --library FILE...
# Every source of the library has to be compiled for Windows or to be known as
# one that can't be, not both; and what is known so has to be there.
set -eu

declare -A compiled=() posix=() library=()
declare -n group
for argument in "$@"; do
  case $argument in
    --*) declare -n group=${argument#--} ;;
    *) group[$argument]=1 ;;
  esac
done

failures=0
fail() {
  echo "FAILED: $1" >&2
  failures=$((failures + 1))
}

for file in "${!library[@]}"; do
  if [[ -n ${posix[$file]-} ]]; then
    [[ -z ${compiled[$file]-} ]] || fail "$file is in both lists"
  elif [[ -z ${compiled[$file]-} ]]; then
    fail "$file isn't compiled for Windows, and POSIX_SOURCES of \
windows_sources.bzl doesn't say why"
  fi
done
for file in "${!posix[@]}"; do
  [[ -n ${library[$file]-} ]] || fail "POSIX_SOURCES has $file, which is gone"
done

[[ ${#library[@]} -gt 0 ]] || fail "no sources"
[[ $failures -eq 0 ]] || exit 1
echo "PASSED: ${#library[@]} sources, ${#posix[@]} of them for POSIX alone"
