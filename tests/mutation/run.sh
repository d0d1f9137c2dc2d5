#!/usr/bin/env bash
# run.sh [NAME...]: the mutation check, of all mutations or the named ones.
set -euo pipefail
exec /usr/bin/python3 -B "$(dirname "$0")/run.py" "$@"
