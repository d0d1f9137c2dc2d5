#!/usr/bin/env bash
# What wspd says of itself.
#   help_test.sh WSPD
set -uo pipefail
wspd=$1

fail() {
  echo "FAILED: $*" >&2
  exit 1
}

for flag in --help --helpshort; do
  help=$("$wspd" $flag)
  for own in config provider_socket admin_socket log_level check_config; do
    grep -q -- "--$own (" <<<"$help" || fail "$flag doesn't list --$own: $help"
  done
  if grep -q -- "--test_" <<<"$help"; then fail "$flag lists flags for tests"; fi
done
full=$("$wspd" --helpfull)
grep -q -- "--test_old_pidfd (" <<<"$full" || fail "--helpfull: $full"

version=$("$wspd" --version) || fail "--version ended with $?"
[[ $version =~ ^wspd\ [0-9]+\.[0-9]+\.[0-9]+$ ]] || fail "--version: $version"

"$wspd" nonsense 2>/dev/null
status=$?
[ $status -eq 64 ] || fail "an unexpected argument ended with $status"
