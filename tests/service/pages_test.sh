#!/usr/bin/env bash
# The manual pages: made of what programs and schema say, all of it; and every
# place that states exit codes states the same.
#   pages_test.sh MAKE_PAGES WSPCTL WSPRUN CONFIG_PROTO WSPD OPERATORS_GUIDE
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

# The exit codes that a text states under the heading, up to an empty line or
# the next heading.
codes() {
  awk 'inside && (/^$/ || /^\./) { exit }
    inside
    tolower($0) ~ /^(\.sh )?[ \t]*exit status/ { inside = 1; print }' |
    grep -oE '\b[0-9]+\b' | sort -n | uniq | paste -sd ' '
}
same_codes() {
  [ "$2" = "$3" ] || fail "exit codes: $1 has \"$2\", --help has \"$3\""
}
for program in "$2" "$3" "$5"; do
  name=$(basename "$program")
  section=1
  [ "$name" != wspd ] || section=8
  said=$("$program" --help | codes)
  [[ $said == *" "* ]] || fail "$name --help has the exit codes \"$said\""
  same_codes "$name($section)" "$(show "$name.$section" | codes)" "$said"
done
# The last of them; 0 is no trouble.
same_codes "the operator's guide" \
  "0 $(grep -oE '^\| [0-9]+ \|' "$6" | grep -oE '[0-9]+' | sort -n | paste -sd ' ')" \
  "$said"
[ "$failures" -eq 0 ]
