#!/usr/bin/env bash
# Fails if a C++ or proto file isn't as clang-format makes it; --fix mends it.
set -euo pipefail
cd "$(dirname "$0")/../.."
mapfile -t files < <(git ls-files '*.cc' '*.h' '*.c' '*.proto')
if [ "${1:-}" = --fix ]; then
  clang-format-14 -i "${files[@]}"
else
  clang-format-14 --dry-run -Werror "${files[@]}"
fi
