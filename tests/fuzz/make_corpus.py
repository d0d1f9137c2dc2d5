"""Writes the seed corpus of client_frames_fuzz into a folder.

Usage: make_corpus.py PROTO_ROOT FOLDER
"""

import os
import struct
import sys

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "..", "python"))
import wire_client  # noqa: E402


def frame_of(provider, *calls, **fields):
    frame = provider.ClientFrame(**fields)
    for number, (request, socket_id, values) in enumerate(calls):
        call = frame.calls.add(call_id=100 + number, socket_id=socket_id)
        getattr(call, request).SetInParent()
        for name, value in values.items():
            field = getattr(getattr(call, request), name)
            if hasattr(field, "CopyFrom"):
                field.CopyFrom(value)
            else:
                setattr(getattr(call, request), name, value)
    return frame.SerializeToString()


def main():
    types, provider, _ = wire_client.load_protos(sys.argv[1])
    loopback = types.SocketAddress()
    loopback.ipv4.address = 0x7f000001
    loopback.ipv4.port = 9
    any_port = types.SocketAddress()
    any_port.ipv4.address = 0x7f000001
    linger = provider.OptionValue()
    linger.linger.on = True
    linger.linger.seconds = 1
    number = provider.OptionValue(number=1)
    socket = ("socket", 5, {"family": 1, "type": 1})
    sequences = {
        "connect": [frame_of(provider, socket,
                             ("connect", 5, {"address": loopback}),
                             ("send", 5, {"data": b"hello"}),
                             ("recv", 5, {"max_bytes": 100}))],
        "listen": [frame_of(provider, socket,
                            ("bind", 5, {"address": any_port}),
                            ("listen", 5, {"backlog": 5}),
                            ("accept", 5, {"accepted_socket_id": 6,
                                           "conditional": True}),
                            ("accept_decision", 5, {"offer_id": 1,
                                                    "decision": 3})),
                   frame_of(provider, ("close_socket", 5, {}),
                            ack_sequence=1)],
        "options": [frame_of(provider, socket,
                             ("set_sock_opt", 5, {"level": 0xffff,
                                                  "option": 0x80,
                                                  "value": linger}),
                             ("get_sock_opt", 5, {"level": 0xffff,
                                                  "option": 0x1007}),
                             ("set_sock_opt", 5, {"level": 6, "option": 1,
                                                  "value": number}),
                             ("ioctl", 5, {"code": 0x8004667e, "number": 1}),
                             ("shutdown", 5, {"how": 3}))],
        "names": [frame_of(provider, socket, ("get_sock_name", 5, {}),
                           ("get_peer_name", 5, {}),
                           ("select", 0, {}), ("event_select", 5, {}))],
        "cleanup": [frame_of(provider, socket, ("cleanup", 0, {}),
                             ("startup", 0, {"version_requested": 0x202}))],
    }
    os.makedirs(sys.argv[2], exist_ok=True)
    for name, frames in sequences.items():
        with open(os.path.join(sys.argv[2], name), "wb") as file:
            for frame in frames:
                file.write(struct.pack("<H", len(frame)) + frame)


if __name__ == "__main__":
    main()
