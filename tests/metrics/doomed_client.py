"""Registers with the daemon, or is a Linux program that says farewell before it
ends; says so, and waits to be killed.

Usage: doomed_client.py PROTO_ROOT PROVIDER_SOCKET [--linux]
"""

import os
import signal
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import linux_client  # noqa: E402
import wire_client  # noqa: E402

protos = wire_client.load_protos(sys.argv[1])
if "--linux" in sys.argv:
    client = linux_client.LinuxClient(protos, sys.argv[2])
    # Past the one that asks for the planes alone.
    types = client.types
    wire_client.WireClient.attach(
        client, [types.CAPABILITY_LENT, types.CAPABILITY_RELAYED,
                 types.CAPABILITY_FAREWELL],
        personality=types.PERSONALITY_LINUX)
    client.connect_descriptors()
else:
    client = wire_client.WireClient(protos, sys.argv[2])
    client.attach()
    assert client.call("startup", version_requested=0x0202).wsa_error == 0
    assert client.call("socket", client.new_socket_id(), family=1,
                       type=1).wsa_error == 0
print("registered", flush=True)
signal.pause()
