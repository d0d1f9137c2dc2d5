#!/usr/bin/env bash
# format.sh finds a file that isn't as it is to be, and --fix mends it.
set -euo pipefail
lint=$(realpath "$(dirname "$0")")
tree=$(mktemp -d)
trap 'rm -rf "$tree"' EXIT
mkdir -p "$tree/tests/lint"
cp -L "$lint/format.sh" "$tree/tests/lint/"
cp -L .clang-format "$tree/"
printf 'int  main( ) {return 0;}\n' >"$tree/a.cc"
git -C "$tree" init -q
git -C "$tree" add .
if bash "$tree/tests/lint/format.sh" 2>/dev/null; then
  echo "it finds nothing" >&2
  exit 1
fi
bash "$tree/tests/lint/format.sh" --fix
bash "$tree/tests/lint/format.sh"
[ "$(cat "$tree/a.cc")" = "int main() { return 0; }" ]
