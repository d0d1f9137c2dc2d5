"""A user who watches events by as many streams as he gets, reads none of them
on, and makes events all the time.

Usage: watcher.py PROTO_ROOT PROVIDER_SOCKET ADMIN_SOCKET UID CONNECTIONS STREAMS

Says as JSON how many streams have begun and what the others were refused for
{"begun": 16, "refused": [[CODE, MESSAGE], ...]}, then makes events until its
standard input ends or has a line; then it gives one stream back, asks for it
again, and says the same of that one.
"""

import json
import os
import select
import sys
import threading

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import grpc  # noqa: E402
import wire_client  # noqa: E402

DEADLINE = 60


class Watcher:
    def __init__(self, protos, admin_socket):
        self._admin = protos[2]
        # Connections of their own, which channels share by default.
        self._channel = grpc.insecure_channel(
            f"unix:{admin_socket}",
            options=[("grpc.use_local_subchannel_pool", 1)])

    def watch(self):
        """The stream, or what it was refused for."""
        admin = self._admin
        stream = self._channel.unary_stream(
            "/wsp.v1.Admin/WatchEvents",
            request_serializer=admin.WatchEventsRequest.SerializeToString,
            response_deserializer=admin.WatchEventsResponse.FromString,
        )(admin.WatchEventsRequest(from_sequence=1))
        try:
            next(stream)  # where it begins comes at once
        except grpc.RpcError as error:
            return None, [error.code().name, error.details()]
        return stream, None


def say(results):
    print(json.dumps({
        "begun": sum(stream is not None for stream, _ in results),
        "refused": [why for _, why in results if why is not None],
    }), flush=True)


def make_events(protos, path, stop):
    """Sockets of one client, opened and closed by the hundred."""
    client = wire_client.WireClient(protos, path)
    client.attach()
    client.call("startup", version_requested=0x202)
    while not stop.is_set():
        numbers = [client.new_socket_id() for _ in range(100)]
        for completion in client.calls(
                [("socket", number, {"family": 1, "type": 1})
                 for number in numbers]
                + [("close_socket", number, {}) for number in numbers]):
            assert completion.wsa_error == 0, completion


def main():
    root, path, admin_socket, uid, connections, streams = sys.argv[1:]
    # Compiled before it is somebody who can't read the sources.
    protos = wire_client.load_protos(root)
    os.setgroups([])
    os.setresgid(*[int(uid)] * 3)
    os.setresuid(*[int(uid)] * 3)
    watchers = [Watcher(protos, admin_socket) for _ in range(int(connections))]
    results = [watcher.watch() for watcher in watchers
               for _ in range(int(streams))]
    stop = threading.Event()
    maker = threading.Thread(target=make_events, args=(protos, path, stop))
    maker.start()
    say(results)
    select.select([sys.stdin], [], [])
    stop.set()
    maker.join(DEADLINE)
    if sys.stdin.readline():
        first = next(stream for stream, _ in results if stream is not None)
        first.cancel()
        # The daemon hears of it a moment later.
        again = watchers[0].watch()
        while again[0] is None:
            again = watchers[0].watch()
        say([again])
        sys.stdin.read()
    os._exit(0)


if __name__ == "__main__":
    main()
