#!/usr/bin/env bash
# The manual pages: made of what programs and schema say, all of it.
#   pages_test.sh MAKE_PAGES WSPCTL WSPRUN CONFIG_PROTO
set -uo pipefail
failures=0
fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

pages=$(mktemp -d)
trap 'rm -rf "$pages"' EXIT
/usr/bin/python3 -B "$1" --version 1.2.3 --wspctl "$2" --wsprun "$3" \
  --config_proto "$4" "$pages" || fail "no pages"

# As they are read; as they are written where there is no formatter.
show() {
  if command -v groff >/dev/null; then
    groff -man -Tascii -P-cbou -ww "$pages/$1" 2>"$pages/warnings"
    [ ! -s "$pages/warnings" ] || fail "$1: $(cat "$pages/warnings")"
  else
    sed 's/\\-/-/g' "$pages/$1"
  fi
}

page=$(show wspd.textproto.5)
fields=$(sed -nE 's/^ +(optional |repeated )?[A-Za-z0-9]+ ([a-z_0-9]+) = .*/\2/p' "$4")
[ "$(wc -w <<<"$fields")" -gt 30 ] || fail "few fields in the schema: $fields"
for field in $fields; do
  grep -q -w -- "$field" <<<"$page" || fail "no $field in wspd.textproto(5)"
done
grep -q 'Default 4096' <<<"$page" || fail "no comment in wspd.textproto(5)"
for name in wspctl wsprun; do
  program=$2
  [ "$name" = wspctl ] || program=$3
  page=$(show "$name.1" | tr -s ' \n' ' ')
  for word in $("$program" --help | grep -oE -- '--[a-z]+' | sort -u); do
    grep -q -- "$word" <<<"$page" || fail "no $word in $name(1)"
  done
done
page=$(show wspd.8)
for word in --config --check_config 1.2.3 WatchdogSec provider; do
  grep -q -- "$word" <<<"$page" || fail "no $word in wspd(8)"
done
if grep -q '@[A-Z]*@' <<<"$page"; then fail "something isn't filled in"; fi
[ "$failures" -eq 0 ]
