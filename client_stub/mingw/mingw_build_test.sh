#!/bin/bash
# mingw_build_test.sh (--compile | --link) FILE...
# Compiles the .cc and .c files with mingw-w64, against its own Windows headers
# and with warnings as errors; --link also makes one program of them, which
# must need no library but Windows' own.
set -eu

tools=/usr/bin/x86_64-w64-mingw32
mode=$1
shift
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT

# Headers without a system of their own, which Windows builds share.
mkdir "$dir/include"
for library in protozero nghttp2; do
  [[ ! -d /usr/include/$library ]] ||
    ln -s "/usr/include/$library" "$dir/include/$library"
done

# What isn't run isn't optimised.
[[ $mode = --link ]] && optimise=-O1 || optimise=-O0
flags=(-Wall -Wextra -Werror -Wno-missing-field-initializers "$optimise"
  -D_WIN32_WINNT=0x0A00 -DNGHTTP2_STATICLIB -I. -isystem "$dir/include")

count=0
compile() {
  local object="$dir/$count.o"
  echo "$1"
  case $1 in
    *.cc) "$tools-g++-posix" -std=c++17 "${flags[@]}" -c "$1" -o "$object" ;;
    *.c) "$tools-gcc-posix" -std=c11 "${flags[@]}" -c "$1" -o "$object" ;;
  esac
}

for file in "$@"; do
  case $file in
    *.h) continue ;;
  esac
  compile "$file"
  count=$((count + 1))
done
[[ $count -gt 0 ]] || { echo "FAILED: nothing to compile" >&2; exit 1; }

if [[ $mode = --link ]]; then
  "$tools-g++-posix" "$dir"/*.o -static -lws2_32 -o "$dir/program.exe"
  "$tools-objdump" -p "$dir/program.exe" | grep 'DLL Name' >"$dir/needed"
  cat "$dir/needed"
  ! grep -qiE 'libstdc|libgcc|winpthread' "$dir/needed" || exit 1
  [[ -z "${TEST_UNDECLARED_OUTPUTS_DIR:-}" ]] ||
    cp "$dir/program.exe" "$TEST_UNDECLARED_OUTPUTS_DIR/"
fi
echo "PASSED: $count files"
