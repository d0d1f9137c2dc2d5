#!/usr/bin/env bash
# deploy/guides/configuration.md is what its script makes of the schema.
#   configuration_test.sh CONFIG_PROTO GUIDES
set -euo pipefail
made=$(mktemp)
trap 'rm -f "$made"' EXIT
/usr/bin/python3 -B "$2/make_configuration.py" "$1" >"$made"
diff -u "$2/configuration.md" "$made" || {
  echo "the schema has changed: deploy/guides/make_configuration.py" \
    "proto/wspd/config.proto >deploy/guides/configuration.md" >&2
  exit 1
}
fields=$(sed -nE 's/^ +(optional |repeated )?[A-Za-z0-9]+ ([a-z_0-9]+) = .*/\2/p' "$1")
[ "$(wc -w <<<"$fields")" -gt 30 ]
for field in $fields; do
  grep -qF "| \`$field\` |" "$made" || { echo "no $field"; exit 1; }
done
