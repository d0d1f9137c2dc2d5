#!/usr/bin/env bash
# What libwsp_preload.so brings into a process: its exports, needs and size.
set -euo pipefail
library=$1
map=$2
failed=0
expect() {
  if [ "$2" != "$3" ]; then
    echo "$1: expected '$2', got '$3'"
    failed=1
  fi
}

expect "exported symbols" \
  "$(sed -n 's/^ *\([A-Za-z0-9_]*\);$/\1/p' "$map" | sort | xargs)" \
  "$(nm -D --defined-only --extern-only "$library" | awk '{print $3}' |
    sort | xargs)"
expect "needed libraries besides libc, libm" "" \
  "$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE '^(libc\.so\.6|libm\.so\.6|ld-linux-x86-64\.so\.2)$' || true)"
expect "symbols from anywhere else" "" \
  "$(nm -D --undefined-only "$library" | awk '$1 == "U" {print $2}' |
    grep -v '@GLIBC_' || true)"
# A handler may come in the midst of the program's malloc.
expect "use of the program's memory" "" \
  "$(nm -D --undefined-only "$library" |
    grep -wE 'malloc|calloc|realloc|free|stderr' || true)"
expect "unique symbols" "0" "$(readelf -sW "$library" | grep -c UNIQUE || true)"
expect "thread-local storage" "" \
  "$(readelf -lW "$library" | grep -w TLS || true)"
# frame_dummy is the compiler's own, the other ours.
expect "bytes of constructors" "000010" \
  "$(readelf -SW "$library" | sed 's/^ *\[ *[0-9]*\] *//' |
    awk '$1 == ".init_array" {print $5}')"
stripped=$(mktemp)
strip -o "$stripped" "$library"
size=$(stat -c %s "$stripped")
rm -f "$stripped"
[ "$size" -le $((512 << 10)) ] || { echo "stripped: $size bytes"; failed=1; }
[ $failed -eq 0 ] && echo "libwsp_preload.so: $size bytes stripped"
exit $failed
