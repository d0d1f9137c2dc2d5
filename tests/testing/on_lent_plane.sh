#!/usr/bin/env bash
# on_lent_plane.sh PROGRAM ARGUMENT...: runs a test's program so that the
# provider asks for lent connections.
set -euo pipefail
export WSPD_PLANE=lent
exec "$@"
