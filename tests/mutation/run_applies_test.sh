#!/usr/bin/env bash
# On the system's Python, with the module beside it.
set -euo pipefail
export PYTHONPATH=tests/mutation
exec /usr/bin/python3 -B "$@"
