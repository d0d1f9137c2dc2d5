#!/usr/bin/env bash
# On the system's Python.
set -euo pipefail
exec /usr/bin/python3 -B "$@"
