#!/usr/bin/env bash
# run_group.sh RUN_CASES ARGUMENT...: run_cases.py on the system's Python, with
# the modules of tests/python.
set -euo pipefail
export PYTHONPATH=tests/python:tests/conformance
exec /usr/bin/python3 -B "$@"
