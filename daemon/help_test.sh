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

for wrong in nonsense --nonsense --config --check_config=maybe; do
  "$wspd" "$wrong" >/dev/null 2>&1
  status=$?
  [ $status -eq 64 ] || fail "$wrong ended with $status"
done

# A configuration that is wrong is told by its line, and nothing is started.
config=$(mktemp)
trap 'rm -f "$config"' EXIT
printf 'log_level: "INFO"\nlimits {\n  sockets_per_client: 0\n}\n' >"$config"
for flag in --check_config --nocheck_config; do
  said=$("$wspd" $flag --config "$config" 2>&1 >/dev/null)
  status=$?
  [ $status -eq 78 ] || fail "$flag: a wrong configuration ended with $status"
  [[ $said == *"$config:3"* && $said == *sockets_per_client* ]] ||
    fail "$flag: a wrong configuration was told as: $said"
done
printf 'log_level: "INFO"\n' >"$config"
said=$("$wspd" --check_config --config "$config" 2>&1) ||
  fail "--check_config: a right configuration ended with $?: $said"
