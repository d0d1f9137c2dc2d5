"""Registers with the daemon, says so, and waits to be killed.

Usage: doomed_client.py PROTO_ROOT PROVIDER_SOCKET
"""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import wire_client  # noqa: E402

client = wire_client.WireClient(wire_client.load_protos(sys.argv[1]),
                                sys.argv[2])
client.attach()
assert client.call("startup", version_requested=0x0202).wsa_error == 0
assert client.call("socket", client.new_socket_id(), family=1,
                   type=1).wsa_error == 0
print("registered", flush=True)
signal.pause()
