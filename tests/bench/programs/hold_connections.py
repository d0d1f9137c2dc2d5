"""hold_connections.py PORT COUNT: connects so often, says so and does nothing
until it is killed."""

import signal
import socket
import sys

port, count = map(int, sys.argv[1:])
held = [socket.create_connection(("127.0.0.1", port)) for _ in range(count)]
print(len(held), flush=True)
signal.pause()
