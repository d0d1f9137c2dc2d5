#!/bin/sh
# Debian's own Python, which has the protobuf module, whatever is in PATH.
exec /usr/bin/python3 -B "$@"
