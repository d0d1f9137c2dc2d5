#!/usr/bin/env bash
# hostile_test.py on the system's own Python, which has gRPC.
set -euo pipefail
exec /usr/bin/python3 "$1" "$2" . "$3"
