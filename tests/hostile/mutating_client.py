"""Sends mutated frames until the daemon has decoded so many of them.

A stream carries one to three, since the first that is refused ends it. Behind
each goes a frame with a call that is always answered: its answer, or the end
of the stream, says that the daemon has decoded what was before it. Every
eighth stream begins with a mutated hello and carries no more; every eighth
goes away in the middle and counts for nothing.

Usage: mutating_client.py PROTO_ROOT PROVIDER_SOCKET ECHO_PORT SEED FRAMES
Prints a JSON object of what came back, frame by frame.
"""

import collections
import json
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import raw_attach  # noqa: E402
import wire_client  # noqa: E402

TYPES, PROVIDER, _ = wire_client.load_protos(sys.argv[1])
LOOPBACK = 0x7f000001
SOCKETS = 5
# What the daemon says to a frame that breaks the rules. CANCELLED: it was
# still writing, and the status doesn't wait for that. FAILED_PRECONDITION is
# for a hello with a version or personality that there isn't.
REFUSALS = {1: "CANCELLED", 3: "INVALID_ARGUMENT", 8: "RESOURCE_EXHAUSTED",
            9: "FAILED_PRECONDITION"}


def add_call(frame, request, socket_id=0, call_id=None, **fields):
    call = frame.calls.add(call_id=call_id or random.getrandbits(64) | 1,
                           socket_id=socket_id)
    message = getattr(call, request)
    message.SetInParent()
    message.CopyFrom(type(message)(**fields))
    return call


def address_of(port):
    address = TYPES.SocketAddress()
    address.ipv4.address = LOOPBACK
    address.ipv4.port = port
    return address


def first_frame(port):
    """Hello, startup and sockets, now and then a connected one."""
    frame = PROVIDER.ClientFrame()
    frame.hello.version.major = 1
    frame.hello.personality = TYPES.PERSONALITY_WINSOCK
    add_call(frame, "startup", version_requested=0x202)
    for number in range(1, SOCKETS + 1):
        add_call(frame, "socket", number, family=1, type=1)
    if random.random() < 0.25:
        add_call(frame, "connect", 1, address=address_of(port))
    return frame.SerializeToString()


def sample_calls(port):
    """Valid calls of every kind: request and fields."""
    echo, anywhere = address_of(port), address_of(0)
    linger = PROVIDER.OptionValue()
    linger.linger.on = True
    linger.linger.seconds = 1
    number = PROVIDER.OptionValue(number=1)
    calls = [
        ("startup", {"version_requested": 0x202}),
        ("startup", {"version_requested": 0x202, "owed_startups": 3}),
        ("cleanup", {}),
        ("socket", {"family": 1, "type": 1}),
        ("socket", {"family": 1, "type": 2}),
        ("socket", {"ticket": 1}),
        ("connect", {"address": echo}),
        ("connect", {"address": echo, "extended": True}),
        ("bind", {"address": anywhere}),
        ("listen", {"backlog": 5}),
        ("accept", {"accepted_socket_id": 9, "conditional": True}),
        ("accept", {"accepted_socket_id": 2, "extended": True,
                    "max_bytes": 100}),
        ("accept_decision", {"offer_id": 1, "decision": 3}),
        ("send", {"data": os.urandom(1)}),
        ("send", {"data": os.urandom(100)}),
        ("send", {"data": os.urandom(65536)}),
        ("send_to", {"data": os.urandom(100)}),
        ("send_to", {"data": os.urandom(100), "to": echo}),
        ("recv", {"max_bytes": 100}),
        ("recv", {"max_bytes": 1 << 31}),
        ("recv_from", {"max_bytes": 100}),
        ("shutdown", {"how": 1}),
        ("shutdown", {"how": 3}),
        ("send_disconnect", {}),
        ("recv_disconnect", {}),
        ("disconnect_ex", {"reuse": True}),
        ("close_socket", {}),
        ("get_sock_name", {}),
        ("get_peer_name", {}),
        ("ioctl", {"code": 0x8004667e, "number": 1}),
        ("ioctl", {"code": 0xc8000014, "address": echo}),
        ("ioctl", {"code": 0xc8000019, "addresses": [echo, anywhere]}),
        ("ioctl", {"code": 0x28000017}),
        ("get_sock_opt", {"level": 0xffff, "option": 0x1007}),
        ("set_sock_opt", {"level": 0xffff, "option": 0x80, "value": linger}),
        ("set_sock_opt", {"level": 6, "option": 1, "value": number}),
        ("select", {}),
        ("select", {"read": [1, 2], "write": [3], "except": [1, 4]}),
        ("select", {"read": [1, 2], "others": [3, 9], "no_wait": True,
                    "poll": True}),
        ("event_select", {"network_events": 0x3ff, "registration": 1}),
        ("async_select", {"network_events": 0x21, "registration": 2}),
        ("enum_network_events", {"up_to_count": 1}),
        ("reenable_events", {"network_events": 9}),
        ("duplicate_socket", {"process_id": 0}),
        ("join_leaf", {"address": echo, "flags": 4}),
        ("get_qos_by_name", {"name": b"name"}),
        ("address_to_string", {"address": echo}),
        ("string_to_address", {}),
        ("cancel_blocking_call", {}),
        ("get_overlapped_result", {}),
        ("lookup", {"kind": 1, "name": "localhost", "service": "http",
                    "type": 1, "family": 1, "want_aliases": True}),
        ("lookup", {"kind": 2, "address": echo}),
        ("lookup", {"kind": 3, "service": "80"}),
        ("lookup", {"kind": 4}),
        ("lend_socket", {}),
        ("socket_error", {"linux_errno": 104}),
        ("linux_socket", {"plane": 2, "family": 1, "type": 1}),
        ("linux_call", {"state": {}}),
        ("linux_call", {"connect": {"address": echo, "filler": 6}}),
        ("linux_call", {"set_option": {"level": 6, "name": 1,
                                       "value": b"\1\0\0\0"}}),
    ]
    requests = PROVIDER.Call.DESCRIPTOR.oneofs_by_name["request"].fields
    missing = {field.name for field in requests} - {name for name, _ in calls}
    assert not missing, missing
    return calls


def valid_frame(calls):
    frame = PROVIDER.ClientFrame()
    for request, fields in random.choices(calls, k=random.choice([1, 1, 2, 4])):
        call = add_call(frame, request, random.randrange(SOCKETS + 2), **fields)
        call.overlapped = random.random() < 0.3
        call.report_pending = random.random() < 0.3
    if random.random() < 0.1:
        frame.cancels.add(call_id=random.getrandbits(64))
    if random.random() < 0.1:
        frame.ack_sequence = random.getrandbits(random.choice([1, 3, 63]))
    return frame


def change(data):
    """Other bytes than `data`, which isn't empty."""
    while True:
        changed = bytearray(data)
        for _ in range(random.choice([1, 1, 2, 4])):
            at = random.randrange(len(changed) + 1)
            what = random.randrange(5)
            if what == 0:
                changed[at:at + 1] = [random.randrange(256)]
            elif what == 1:
                changed[at:at + 1] = [random.choice([0, 0x7f, 0x80, 0xff])]
            elif what == 2:
                del changed[at:at + random.randrange(1, 8)]
            elif what == 3:
                changed[at:at] = os.urandom(random.randrange(1, 8))
            else:
                del changed[at:]
        if changed != data:
            return bytes(changed)


def varint(number):
    out = bytearray()
    while number > 0x7f:
        out.append(number & 0x7f | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def delimited(field, data):
    return varint(field << 3 | 2) + varint(len(data)) + data


def mutated_frame(calls):
    """A frame that is not what it was, all of it or inside of one part.

    Lengths around the part are right then, so that the damage gets deeper than
    the daemon's first parser.
    """
    frame = valid_frame(calls)
    where = random.randrange(3)
    if where == 0:
        return change(frame.SerializeToString())
    victim = random.choice(list(frame.calls))
    frame.calls.remove(victim)
    if where == 1:
        call = change(victim.SerializeToString())
    else:
        request = victim.WhichOneof("request")
        field = victim.DESCRIPTOR.fields_by_name[request].number
        body = getattr(victim, request).SerializeToString() or b"\0"
        victim.ClearField(request)
        call = victim.SerializeToString() + delimited(field, change(body))
    calls_field = frame.DESCRIPTOR.fields_by_name["calls"].number
    return frame.SerializeToString() + delimited(calls_field, call)


def mutated_first_frame(port):
    """A first frame that is not what it was, all of it or inside its hello."""
    if random.random() < 0.5:
        return change(first_frame(port))
    frame = PROVIDER.ClientFrame.FromString(first_frame(port))
    frame.hello.capabilities.append(TYPES.CAPABILITY_RESUME)
    frame.hello.client_name = "mutated"
    if random.random() < 0.5:
        frame.hello.resume_token = os.urandom(16)
    hello = change(frame.hello.SerializeToString())
    frame.ClearField("hello")
    field = frame.DESCRIPTOR.fields_by_name["hello"].number
    return frame.SerializeToString() + delimited(field, hello)


def probe():
    """A frame with a call that is answered whatever was before, and its id."""
    frame = PROVIDER.ClientFrame()
    call_id = random.getrandbits(64) | 1
    add_call(frame, "close_socket", call_id=call_id)
    return call_id, frame.SerializeToString()


def await_answer(connection, stream, call_id):
    """Until the call is answered, or dropped with the registration.

    The streams of a process share one count of startups, and one that is gone
    takes its own along: the end of the registration drops what is pending.
    """
    while True:
        frame = PROVIDER.ServerFrame.FromString(connection.receive(stream))
        if any(event.HasField("registration_ended") for event in frame.events):
            return
        if any(completion.call_id == call_id and not completion.pending
               for completion in frame.completions):
            return


def run_stream(path, port, calls, counts):
    connection = raw_attach.RawConnection(path)
    try:
        stream = connection.open_stream()
        if random.random() < 1 / 8:
            counts["streams"] += 1
            call_id, after = probe()
            connection.send(stream, mutated_first_frame(port))
            connection.send(stream, after)
            await_answer(connection, stream, call_id)
            counts["answered"] += 1
            return
        connection.send(stream, first_frame(port))
        try:
            connection.receive(stream)  # welcome
        except raw_attach.Ended as end:
            counts[f"hello refused: {end.status}"] += 1
            return
        counts["streams"] += 1
        if random.random() < 1 / 8:
            counts["gone in the middle"] += 1
            data = raw_attach.frame(
                raw_attach.DATA, 0, stream,
                raw_attach.message(mutated_frame(calls)[:8000]))
            connection.send_raw(data[:random.randrange(len(data))])
            return
        for _ in range(random.randrange(1, 4)):
            call_id, after = probe()
            connection.send(stream, mutated_frame(calls))
            connection.send(stream, after)
            await_answer(connection, stream, call_id)
            counts["answered"] += 1
    except raw_attach.Ended as end:
        counts[REFUSALS.get(end.status, f"ended: {end.status}")] += 1
    finally:
        connection.close()


def main():
    path, port = sys.argv[2], int(sys.argv[3])
    random.seed(sys.argv[4])
    calls = sample_calls(port)
    counts = collections.Counter()
    decoded = ["answered", *REFUSALS.values()]
    while sum(counts[what] for what in decoded) < int(sys.argv[5]):
        run_stream(path, port, calls, counts)
    print(json.dumps(counts))


if __name__ == "__main__":
    main()
