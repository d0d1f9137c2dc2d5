#!/usr/bin/env bash
# One of the tests here on the system's own Python, which has gRPC.
#   run_hostile_test.sh TEST WSPD FRAMES [ARGUMENT...]
set -euo pipefail
exec /usr/bin/python3 "$1" "$2" . "${@:3}"
