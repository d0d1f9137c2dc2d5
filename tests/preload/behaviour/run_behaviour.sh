#!/usr/bin/env bash
# run_behaviour.sh RUN_BEHAVIOUR ARGUMENT...: run_behaviour.py on the system's
# Python, with the modules of other tests.
set -euo pipefail
export PYTHONPATH=tests/python:tests/conformance
exec /usr/bin/python3 -B "$@"
