#!/usr/bin/env bash
# The corpus in the tree is what make_corpus.py writes.
#   corpus_test.sh MAKE_CORPUS
set -euo pipefail
made=$(mktemp -d)
trap 'rm -rf "$made"' EXIT
/usr/bin/python3 -B "$1" . "$made"
diff -r "$made" tests/fuzz/corpus
