#!/usr/bin/env bash
# What libwsp.so brings into a process: its exports, needs and size.
set -euo pipefail
library=$1
failed=0
expect() {
  if [ "$2" != "$3" ]; then
    echo "$1: expected '$2', got '$3'"
    failed=1
  fi
}

expect "exported symbols" "NSPStartup WSPStartup" \
  "$(nm -D --defined-only --extern-only "$library" | awk '{print $3}' |
    sort | xargs)"
# ld-linux is the loader itself, which glibc's linker script names for
# thread-local storage.
expect "needed libraries besides libc, libm, libnghttp2" "" \
  "$(readelf -d "$library" | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' |
    grep -vE '^(libc\.so\.6|libm\.so\.6|libnghttp2\.so\.14|ld-linux-x86-64\.so\.2)$' || true)"
expect "symbols from anywhere else" "" \
  "$(nm -D --undefined-only "$library" | awk '$1 == "U" {print $2}' |
    grep -vE '@GLIBC_|^nghttp2_' || true)"
expect "unique symbols, which forbid unloading" "0" \
  "$(readelf -sW "$library" | grep -c UNIQUE || true)"
expect "flags that forbid unloading" "" \
  "$(readelf -d "$library" | grep -E 'NODELETE|STATIC_TLS' || true)"
# frame_dummy is the compiler's own; nothing of ours runs at loading.
expect "bytes of constructors" "000008" \
  "$(readelf -SW "$library" | sed 's/^ *\[ *[0-9]*\] *//' |
    awk '$1 == ".init_array" {print $5}')"
stripped=$(mktemp)
strip -o "$stripped" "$library"
size=$(stat -c %s "$stripped")
rm -f "$stripped"
[ "$size" -le $((1 << 20)) ] || { echo "stripped: $size bytes"; failed=1; }
for symbol in pthread_key_create __register_atfork __cxa_atexit \
  __cxa_thread_atexit_impl; do
  expect "use of $symbol" "" \
    "$(nm -D --undefined-only "$library" | grep -w "$symbol" || true)"
done
[ $failed -eq 0 ] && echo "libwsp.so: $size bytes stripped"
exit $failed
