"""Writes the seed corpora: FOLDER/TARGET/NAME, as they are in the tree.

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
        message = getattr(call, request)
        message.SetInParent()
        message.CopyFrom(type(message)(**values))
    return frame.SerializeToString()


def client_sequences(types, provider):
    """Frames of one attachment, by name."""
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
    return {
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
        "events": [frame_of(provider, socket,
                            ("event_select", 5, {"network_events": 0x3ff,
                                                 "registration": 1}),
                            ("enum_network_events", 5, {"up_to_count": 1}),
                            ("reenable_events", 5, {"network_events": 9}),
                            ("async_select", 5, {"network_events": 0x21,
                                                 "registration": 2}),
                            ("select", 0, {"no_wait": True, "poll": True}))],
        "lookups": [frame_of(provider,
                             ("lookup", 0, {"kind": 1, "name": "localhost",
                                            "service": "http", "type": 1,
                                            "family": 1,
                                            "want_aliases": True}),
                             ("lookup", 0, {"kind": 2, "address": loopback}),
                             ("lookup", 0, {"kind": 3, "service": "80"}),
                             ("lookup", 0, {"kind": 4}))],
        "linux": [frame_of(provider,
                           ("linux_socket", 5, {"plane": 2, "family": 1,
                                                "type": 2, "protocol": 17,
                                                "nonblocking": True}),
                           ("linux_socket", 6, {"plane": 2, "family": 2,
                                                "type": 1}),
                           ("linux_call", 7, {"connect": {"address": loopback,
                                                          "filler": 6}}),
                           ("linux_call", 7, {"get_option": {"level": 6,
                                                             "name": 11,
                                                             "length": 232}}),
                           ("linux_call", 7, {"state": {}}))],
        "cleanup": [frame_of(provider, socket, ("cleanup", 0, {}),
                             ("startup", 0, {"version_requested": 0x202}))],
    }


def server_frames(provider):
    welcome = provider.ServerFrame()
    welcome.welcome.version.major = 1
    welcome.welcome.limits.chunk_bytes = 65536
    welcome.welcome.attachment_token = b"t" * 16
    welcome.welcome.resumed = True
    welcome.welcome.startups = 3

    data = provider.ServerFrame()
    data.completions.add(call_id=1, sequence=1).send.bytes_sent = 5
    received = data.completions.add(call_id=2, sequence=2).recv
    received.stream_offset = 7
    received.data = b"hello"
    data.completions.add(call_id=3, sequence=3, wsa_error=10061,
                         linux_errno=111)
    data.completions.add(call_id=4, pending=True)

    others = provider.ServerFrame()
    accepted = others.completions.add(call_id=1, sequence=1).accept
    accepted.peer.ipv4.address = 1
    accepted.peer.ipv4.port = 9
    accepted.local.ipv6.address = b"x" * 16
    accepted.offer_id = 4
    option = others.completions.add(call_id=2, sequence=2).get_sock_opt
    option.value.linger.on = True
    startup = others.completions.add(call_id=3, sequence=3).startup
    startup.version = 0x202
    startup.description = "d"
    startup.startups = 1
    others.completions.add(call_id=4, sequence=4).cleanup.final = True
    others.events.add().registration_ended.reason = (
        provider.RegistrationEnded.REASON_DISCONNECTED)

    lookups = provider.ServerFrame()
    lookup = lookups.completions.add(call_id=1, sequence=1).lookup
    lookup.canonical_name = "host.example"
    lookup.aliases.append("h")
    address = lookup.addresses.add(type=1)
    address.address.ipv4.address = 0x7f000001
    address.address.ipv4.port = 80
    service = lookup.services.add(name="http", port=80, type=1)
    service.aliases.append("www")

    events = provider.ServerFrame()
    ready = events.completions.add(call_id=1, sequence=1).select
    ready.read.extend([1, 2])
    ready.write.append(3)
    ready.invalid.append(4)
    taken = events.completions.add(call_id=2, sequence=2).enum_network_events
    taken.network_events = 0x21
    taken.errors.extend([0] * 5 + [10053])
    taken.count = 3
    notice = events.events.add().network_event
    notice.socket_id = 1
    notice.registration = 2
    notice.network_events = 0x10
    notice.errors.extend([0] * 4 + [10061])
    notice.count = 4
    return {name: frame.SerializeToString() for name, frame in
            [("welcome", welcome), ("data", data), ("others", others),
             ("lookups", lookups), ("events", events)]}


def datagram_messages(linux):
    """What a program writes on its end of a relayed socket, by name."""
    def message(payload, family=0, address=b"", control=b"", flags=0):
        # proto/relay_wire.h
        return struct.pack("=BxHiBxH4x16s4x", 0, len(control), flags, family,
                           0x0900, address) + control + payload

    def item(level, kind, data):
        return struct.pack("=Qii", 16 + len(data), level, kind) + data.ljust(
            (len(data) + 7) // 8 * 8, b"\0")

    loopback = b"\x7f\0\0\1"
    ttl = item(0, 2, struct.pack("=i", 3))
    segment = item(17, 103, struct.pack("=H", 100))
    send = linux.LinuxSend(data=b"hello", flags=0x4, control=ttl)
    send.to.ipv4.address = 0x7f000001
    send.to.ipv4.port = 9
    return {
        "plain": [message(b"hello", 4, loopback), message(b"peer"),
                  message(b"", 6, bytes(15) + b"\1"), b"", b"short"],
        "control": [message(b"x", 4, loopback, ttl + segment),
                    message(b"x", 4, loopback,
                            item(1, 36, struct.pack("=I", 1))),
                    message(b"x", 6, bytes(15) + b"\1",
                            item(41, 50, bytes(20))),
                    message(b"x", 4, loopback, ttl, flags=0x8000)],
        "send": [send.SerializeToString()],
    }


def grpc_message(data):
    return b"\0" + struct.pack(">I", len(data)) + data


def write(folder, target, inputs):
    os.makedirs(os.path.join(folder, target), exist_ok=True)
    for name, data in inputs.items():
        with open(os.path.join(folder, target, name), "wb") as file:
            file.write(data)


def main():
    protos = wire_client.load_protos(sys.argv[1])
    types, provider, _ = protos
    folder = sys.argv[2]
    write(folder, "client_frames_fuzz", {
        name: b"".join(struct.pack("<H", len(frame)) + frame
                       for frame in frames)
        for name, frames in client_sequences(types, provider).items()})
    write(folder, "datagram_relay_fuzz", {
        name: bytes([len(name) % 2]) + b"".join(
            struct.pack("<H", len(message)) + message for message in messages)
        for name, messages in datagram_messages(protos.linux).items()})
    frames = server_frames(provider)
    write(folder, "server_frames_fuzz", frames)
    messages = [grpc_message(frames[name])
                for name in ["welcome", "data", "others"]]
    write(folder, "server_stream_fuzz", {
        "small_pieces": b"\0" + b"".join(messages),
        "large_pieces": b"\1" + b"".join(messages),
        "empty_messages": b"\1" + 3 * grpc_message(b"") + messages[1],
        "compressed": b"\1\1" + messages[1][1:],
        "too_long": b"\0" + messages[0] + b"\0\0\0\x08\1",
    })


if __name__ == "__main__":
    main()
