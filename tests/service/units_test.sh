#!/usr/bin/env bash
# The unit files: how exposed the service is by systemd's own account, and that
# they fit the configuration.
#   units_test.sh FOLDER SAMPLE_CONFIG
set -uo pipefail
folder=$1
config=$2

failures=0
fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

if command -v systemd-analyze >/dev/null; then
  # In tenths.
  report=$(systemd-analyze security --offline=true --no-pager --threshold=20 \
    "$folder/wspd.service" 2>&1) || fail "the exposure is too high: $report"
  echo "$report" | tail -n 1
  [[ $report == *"Overall exposure level"* ]] || fail "no report: $report"
else
  echo "skipped: systemd-analyze isn't installed"
fi

# Values of a key in a unit, one a line.
values() { sed -n "s/^$1=//p" "$folder/$2"; }
for pair in provider:wspd.socket admin:wspd-admin.socket; do
  name=${pair%%:*}
  unit=${pair#*:}
  path=$(sed -n "s/^${name}_socket: \"\(.*\)\"/\1/p" "$config")
  [ "$(values ListenStream "$unit")" = "$path" ] ||
    fail "$unit listens elsewhere than the configuration's $path"
  [ "$(values FileDescriptorName "$unit")" = "$name" ] ||
    fail "$unit isn't named $name"
  for key in Requires After; do
    [[ " $(values $key wspd.service) " == *" $unit "* ]] ||
      fail "wspd.service hasn't $unit in its $key="
  done
done
[ "$(values User wspd.service)" = wspd ] || fail "another user"
grep -q '^u wspd ' "$folder/sysusers.conf" || fail "no user in sysusers.conf"
grep -q '^d /run/wspd 0755 wspd wspd ' "$folder/tmpfiles.conf" ||
  fail "no folder in tmpfiles.conf"
[ "$(values CapabilityBoundingSet wspd.service)" = \
  "$(values AmbientCapabilities wspd.service)" ] ||
  fail "the capabilities differ"

[ "$failures" -eq 0 ]
