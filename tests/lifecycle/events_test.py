#!/usr/bin/python3
"""What an operator is told of clients' sockets while they are used.

Usage: events_test.py WSPD PROTO_ROOT
"""

import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import unittest

import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402
import linux_client  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
ROOT = sys.argv[2]
PROTOS = wire_client.load_protos(ROOT)
TYPES, PROVIDER, ADMIN = PROTOS
EVENT = ADMIN.JournalEvent

IPPROTO_TCP = 6
IPPROTO_UDP = 17
LOOPBACK = 0x7F000001
DEADLINE = 60


def words(event):
    """As "connected", with errno and detail where there are."""
    name = EVENT.Kind.Name(event.kind)[len("KIND_"):].lower()
    name = name.replace("socket_", "")
    if event.linux_errno:
        name += " " + errno.errorcode[event.linux_errno]
    return f"{name} {event.detail}".rstrip()


class Watch:
    """A WatchEvents stream, read when it is asked for."""

    def __init__(self, path, **request):
        # What isn't read stays with the daemon, but for 64 KiB.
        self.channel = grpc.insecure_channel(
            f"unix:{path}", options=[("grpc.http2.bdp_probe", 0),
                                     ("grpc.http2.lookahead_bytes", 1 << 16)])
        open_stream = self.channel.unary_stream(
            "/wsp.v1.Admin/WatchEvents", lambda m: m.SerializeToString(),
            ADMIN.WatchEventsResponse.FromString)
        self.responses = open_stream(ADMIN.WatchEventsRequest(**request),
                                     timeout=DEADLINE)
        first = next(self.responses)
        # The stream begins here, perhaps with what has been before.
        self.sequence = first.next_sequence
        self.events = list(first.events)

    def until(self, is_last):
        """What comes next, to the first event of which that is true."""
        events = []
        while True:
            while self.events:
                events.append(self.events.pop(0))
                if is_last(events[-1]):
                    return events
            self.events.extend(next(self.responses).events)

    def close(self):
        self.responses.cancel()
        self.channel.close()


class EventsCase(unittest.TestCase):

    # Of the daemon's configuration.
    configuration = ""

    def setUp(self):
        config = tempfile.NamedTemporaryFile("w", suffix=".textproto")
        self.addCleanup(config.close)
        config.write(self.configuration)
        config.flush()
        self.daemon = daemon_process.DaemonProcess(WSPD, "--config",
                                                   config.name)
        self.daemon.__enter__()
        self.addCleanup(self.stop)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def stop(self):
        self.daemon.__exit__(None, None, None)
        self.assertEqual(self.daemon.status, 0, self.daemon.log)

    def watch(self, **request):
        watch = Watch(self.daemon.admin_socket, **request)
        self.addCleanup(watch.close)
        return watch

    def started(self):
        client = wire_client.WireClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.succeed(client, "startup", version_requested=0x0202)
        return client

    def succeed(self, client, request, socket_id=0, **fields):
        completion = client.call(request, socket_id, **fields)
        self.assertEqual((completion.wsa_error, completion.linux_errno),
                         (0, 0), f"{request}: {completion}")
        return getattr(completion, request)

    def make(self, client, kind=PROVIDER.SocketRequest.TYPE_STREAM,
             protocol=IPPROTO_TCP):
        socket_id = client.new_socket_id()
        self.succeed(client, "socket", socket_id,
                     family=PROVIDER.SocketRequest.FAMILY_IPV4, type=kind,
                     protocol=protocol)
        return socket_id

    def connect(self, client):
        socket_id = self.make(client)
        self.succeed(client, "connect", socket_id,
                     address=client.ipv4(LOOPBACK, self.port))
        peer, _ = self.listener.accept()
        self.addCleanup(peer.close)
        return socket_id, peer

    def assert_raw_sockets_are_told(self, detail):
        """Of every plane."""
        watch = self.watch(kinds=[EVENT.KIND_SOCKET_REFUSED])
        winsock = self.started()
        completion = winsock.call(
            "socket", winsock.new_socket_id(), protocol=1,
            family=PROVIDER.SocketRequest.FAMILY_IPV4,
            type=PROVIDER.SocketRequest.TYPE_RAW)
        self.assertEqual((completion.wsa_error, completion.linux_errno),
                         (10013, errno.EPERM))
        linux = wire_client.WireClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(linux.close)
        linux.attach([TYPES.CAPABILITY_RELAYED, TYPES.CAPABILITY_LENT],
                     personality=TYPES.PERSONALITY_LINUX)
        planes = [TYPES.PLANE_UNSPECIFIED, TYPES.PLANE_RELAYED,
                  TYPES.PLANE_LENT]
        for plane in planes[1:]:
            completion = linux.call(
                "linux_socket", linux.new_socket_id(), plane=plane,
                protocol=1, family=PROVIDER.SocketRequest.FAMILY_IPV4,
                type=PROVIDER.SocketRequest.TYPE_RAW)
            self.assertEqual(completion.linux_errno, errno.EPERM, completion)
        for plane in planes:
            (event,) = watch.until(lambda e: True)
            self.assertEqual(
                (event.action, event.plane, event.protocol, event.pid,
                 words(event)),
                (ADMIN.POLICY_ACTION_RAW, plane, 1, os.getpid(),
                 f"refused EPERM {detail}"))
            self.assertNotEqual(event.client_id, 0)
            of_plane = self.watch(from_sequence=1, planes=[plane])
            self.assertEqual(
                [e.sequence for e in of_plane.events
                 if e.kind == EVENT.KIND_SOCKET_REFUSED], [event.sequence])


class EventsTest(EventsCase):

    def test_lives_of_sockets(self):
        watch = self.watch()
        client = self.started()
        # A listener.
        listener = self.make(client)
        bound = self.succeed(client, "bind", listener,
                             address=client.ipv4(LOOPBACK, 0))
        port = bound.local.ipv4.port
        self.succeed(client, "listen", listener, backlog=5)
        with socket.create_connection(("127.0.0.1", port)) as peer:
            accepted = client.new_socket_id()
            self.succeed(client, "accept", listener,
                         accepted_socket_id=accepted)
            peer_port = peer.getsockname()[1]
            self.succeed(client, "close_socket", accepted)
        self.succeed(client, "close_socket", listener)
        events = watch.until(lambda e: e.kind == EVENT.KIND_SOCKET_CLOSED and
                             e.socket_id == listener)
        self.assertEqual(
            [(e.socket_id, words(e)) for e in events],
            [(0, "client_attached"), (0, "client_started"),
             (listener, "opened"), (listener, "bound"),
             (listener, "listening"), (accepted, "accepted"),
             (accepted, "closed"), (listener, "closed")])
        self.assertEqual([e.sequence for e in events],
                         list(range(watch.sequence, watch.sequence + 8)))
        for event in events:
            self.assertEqual((event.pid, event.uid, event.client_id),
                             (os.getpid(), os.getuid(), events[0].client_id))
        self.assertEqual(events[5].listener_socket_id, listener)
        self.assertEqual((events[5].local.ipv4.port, events[5].peer.ipv4.port),
                         (port, peer_port))
        # Connections: one that is closed, one that its peer resets.
        first, peer = self.connect(client)
        self.succeed(client, "close_socket", first)
        second, peer = self.connect(client)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        peer.close()
        self.assertNotEqual(
            client.call("recv", second, max_bytes=1).wsa_error, 0)
        self.succeed(client, "close_socket", second)
        events = watch.until(lambda e: e.kind == EVENT.KIND_SOCKET_CLOSED and
                             e.socket_id == second)
        self.assertEqual(
            [(e.socket_id, words(e)) for e in events],
            [(first, "opened"), (first, "connected"), (first, "closed"),
             (second, "opened"), (second, "connected"),
             (second, "reset ECONNRESET by the peer"), (second, "closed")])
        # Datagrams, and the end of it all.
        datagrams = self.make(client, PROVIDER.SocketRequest.TYPE_DATAGRAM,
                              IPPROTO_UDP)
        self.succeed(client, "connect", datagrams,
                     address=client.ipv4(LOOPBACK, 9))
        self.succeed(client, "close_socket", datagrams)
        third, _ = self.connect(client)
        self.succeed(client, "cleanup")
        events = watch.until(
            lambda e: e.kind == EVENT.KIND_CLIENT_CLEANED_UP)
        self.assertEqual(
            [(e.socket_id, words(e)) for e in events],
            [(datagrams, "opened"), (datagrams, "bound"),
             (datagrams, "connected"), (datagrams, "closed"),
             (third, "opened"), (third, "connected"),
             (third, "reset its client has ended"), (third, "closed"),
             (0, "client_cleaned_up")])

    def test_a_client_that_dies(self):
        watch = self.watch()
        child = subprocess.Popen(
            [sys.executable, "-B", __file__, WSPD, ROOT, "--die",
             self.daemon.provider_socket, str(self.port)])
        peer, _ = self.listener.accept()
        self.addCleanup(peer.close)
        events = watch.until(
            lambda e: e.kind == EVENT.KIND_SOCKET_CONNECTED)
        child.send_signal(signal.SIGKILL)
        child.wait()
        events += watch.until(lambda e: e.kind == EVENT.KIND_CLIENT_DIED)
        self.assertEqual(
            [words(e) for e in events if e.socket_id == events[2].socket_id],
            ["opened", "connected", "reset its client has ended", "closed"])
        self.assertEqual({e.pid for e in events}, {child.pid})

    def test_filters(self):
        client = self.started()
        first, _ = self.connect(client)
        second, _ = self.connect(client)
        every = self.watch(from_sequence=1)
        local = [e.local.ipv4.port
                 for e in every.until(lambda e: e.socket_id == second and
                                      e.kind == EVENT.KIND_SOCKET_CONNECTED)
                 if e.kind == EVENT.KIND_SOCKET_CONNECTED]
        for wanted in ({"socket_id": second},
                       {"local_port": local[1]},
                       {"local_network": "127.0.0.0/8", "local_port": local[1],
                        "peer_port": self.port,
                        "planes": [TYPES.PLANE_UNSPECIFIED]}):
            watch = self.watch(from_sequence=1,
                               kinds=[EVENT.KIND_SOCKET_CONNECTED], **wanted)
            # The first that there is, in the message that begins the stream
            # or after it.
            found = watch.until(lambda e: True)
            self.assertEqual([e.socket_id for e in found], [second], wanted)
        with self.assertRaises(grpc.RpcError) as raised:
            self.watch(peer_network="10.0.0.0/40")
        self.assertEqual(raised.exception.code(),
                         grpc.StatusCode.INVALID_ARGUMENT)
        self.assertIn("peer_network", raised.exception.details())

    def test_a_slow_reader_gets_a_gap_and_nobody_waits(self):
        slow = self.watch()
        client = self.started()
        address = client.ipv4(LOOPBACK, 9)
        # More than the journal keeps, and than is on its way to the reader.
        sockets = 0
        for _ in range(500):
            requests = []
            for _ in range(20):
                socket_id = client.new_socket_id()
                requests += [
                    ("socket", socket_id,
                     {"family": PROVIDER.SocketRequest.FAMILY_IPV4,
                      "type": PROVIDER.SocketRequest.TYPE_DATAGRAM,
                      "protocol": IPPROTO_UDP}),
                    ("connect", socket_id, {"address": address}),
                    ("close_socket", socket_id, {})]
                sockets += 1
            for completion in client.calls(requests):
                self.assertEqual(completion.wsa_error, 0)
        # A reader that comes now sees the end of it at once.
        quick = self.watch()
        self.succeed(client, "cleanup")
        (last,) = quick.until(
            lambda e: e.kind == EVENT.KIND_CLIENT_CLEANED_UP)
        # The slow one learns of all of them, one by one or by their number.
        expected, lost = slow.sequence, 0
        while expected <= last.sequence:
            response = next(slow.responses)
            expected += response.lost
            lost += response.lost
            for event in response.events:
                self.assertEqual(event.sequence, expected)
                expected += 1
            self.assertEqual(response.next_sequence, expected)
        self.assertGreater(lost, 0)
        self.assertGreaterEqual(last.sequence, 4 * sockets)


class RefusalsTest(EventsCase):

    configuration = """policy {
      rules { name: "no raw" verdict: DENY actions: RAW }
      rules { name: "no two" verdict: DENY addresses: "127.0.0.2" }
      rules { name: "no name" verdict: DENY actions: RESOLVE
              hosts: "bad.example" } }"""

    def refuse(self, client, request, socket_id=0, **fields):
        completion = client.call(request, socket_id, **fields)
        self.assertEqual(completion.linux_errno, errno.EACCES, completion)

    def refused(self, watch):
        (event,) = watch.until(lambda e: True)
        self.assertEqual(words(event).split()[:2], ["refused", "EACCES"])
        return event

    def test_say_whose_and_what(self):
        everything = self.watch()
        client, other = self.started(), self.started()
        watch = self.watch(kinds=[EVENT.KIND_SOCKET_REFUSED])
        stream = self.make(client)
        datagrams = self.make(client, PROVIDER.SocketRequest.TYPE_DATAGRAM,
                              IPPROTO_UDP)
        denied = client.ipv4(LOOPBACK + 1, self.port)
        port = self.port
        self.refuse(client, "connect", stream, address=denied)
        self.refuse(client, "bind", stream,
                    address=client.ipv4(LOOPBACK + 1, 0))
        self.refuse(client, "send_to", datagrams, to=denied, data=b"x")
        number = everything.until(lambda e: True)[0].client_id
        for action, socket_id, protocol, local, peer in (
                ("CONNECT", stream, IPPROTO_TCP, None, port),
                ("BIND", stream, IPPROTO_TCP, 0, None),
                ("SEND", datagrams, IPPROTO_UDP, None, port)):
            event = self.refused(watch)
            self.assertEqual(
                (event.action, event.socket_id, event.protocol),
                (ADMIN.PolicyAction.Value("POLICY_ACTION_" + action),
                 socket_id, protocol))
            self.assertEqual(
                [end.ipv4.port if event.HasField(name) else None
                 for name, end in (("local", event.local),
                                   ("peer", event.peer))], [local, peer])
            self.assertEqual(
                (event.client_id, event.pid, event.uid, event.plane,
                 event.detail),
                (number, os.getpid(), os.getuid(), TYPES.PLANE_UNSPECIFIED,
                 "no two"))
        # A lookup is no socket's.
        self.refuse(client, "lookup", name="bad.example",
                    kind=PROVIDER.LookupRequest.KIND_HOST)
        event = self.refused(watch)
        self.assertEqual((event.client_id, event.action, event.host,
                          event.detail, event.socket_id),
                         (number, ADMIN.POLICY_ACTION_RESOLVE, "bad.example",
                          "no name", 0))
        # Nor is a connection that isn't accepted, but it has a listener.
        listener = self.make(client)
        bound = self.succeed(client, "bind", listener,
                             address=client.ipv4(LOOPBACK, 0))
        self.succeed(client, "listen", listener, backlog=5)
        accept = dict(accepted_socket_id=client.new_socket_id())
        with socket.socket() as peer:
            peer.bind(("127.0.0.2", 0))
            peer.connect(("127.0.0.1", bound.local.ipv4.port))
            with socket.create_connection(
                    ("127.0.0.1", bound.local.ipv4.port)):
                self.succeed(client, "accept", listener, **accept)
            event = self.refused(watch)
            self.assertEqual(
                (event.client_id, event.action, event.socket_id,
                 event.listener_socket_id, event.local.ipv4.port,
                 event.peer.ipv4.port),
                (number, ADMIN.POLICY_ACTION_ACCEPT, 0, listener,
                 bound.local.ipv4.port, peer.getsockname()[1]))
        self.assertFilters(number, stream, listener)

    def test_of_sources_that_are_named(self):
        watch = self.watch(kinds=[EVENT.KIND_SOCKET_REFUSED])
        client = self.started()
        datagrams = self.make(client, PROVIDER.SocketRequest.TYPE_DATAGRAM,
                              IPPROTO_UDP)
        to = client.ipv4(LOOPBACK, self.port)
        for host in "127.0.0.1", "127.0.0.2":
            # IP_PKTINFO, as Winsock has it.
            control = PROVIDER.ControlMessage(
                level=0, type=19, data=socket.inet_aton(host) + bytes(4))
            request = dict(to=to, data=b"x", control=[control])
            if host == "127.0.0.1":
                self.succeed(client, "send_to", datagrams, **request)
            else:
                self.refuse(client, "send_to", datagrams, **request)
        linux = linux_client.LinuxClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(linux.close)
        linux.attach()
        linux.connect_descriptors()
        number, program = linux.relay(
            type=PROTOS.linux.LinuxSocketRequest.TYPE_DATAGRAM)
        self.addCleanup(program.close)
        for host, error in ("127.0.0.1", 0), ("127.0.0.2", errno.EACCES):
            # The same as the kernel has it.
            ip_pktinfo = 8
            info = struct.pack("i4s4s", 0, socket.inet_aton(host), bytes(4))
            control = struct.pack("Nii", 16 + len(info), socket.IPPROTO_IP,
                                  ip_pktinfo) + info + bytes(4)
            self.assertEqual(linux.linux_call(
                number, send=PROTOS.linux.LinuxSend(
                    to=to, data=b"x", control=control)).linux_errno, error)
        for plane in TYPES.PLANE_UNSPECIFIED, TYPES.PLANE_RELAYED:
            event = self.refused(watch)
            self.assertEqual(
                (event.action, event.plane, event.local.ipv4.address,
                 event.detail),
                (ADMIN.POLICY_ACTION_BIND, plane, LOOPBACK + 1, "no two"))
            self.assertNotEqual(event.local.ipv4.port, 0)

    def test_of_raw_sockets_on_every_plane(self):
        self.assert_raw_sockets_are_told("no raw")

    def assertFilters(self, number, stream, listener):
        """Of the refusals those that fit are shown."""
        actions = {}
        for name, filters in (
                ("client", dict(client_id=number)),
                ("no client", dict(client_id=number + 1)),
                ("plane", dict(planes=[TYPES.PLANE_UNSPECIFIED])),
                ("other plane", dict(planes=[TYPES.PLANE_RELAYED])),
                ("socket", dict(socket_id=stream)),
                ("listener", dict(socket_id=listener))):
            watch = self.watch(from_sequence=1,
                               kinds=[EVENT.KIND_SOCKET_REFUSED], **filters)
            actions[name] = [
                ADMIN.PolicyAction.Name(event.action)[len("POLICY_ACTION_"):]
                for event in watch.events]
        everything = ["CONNECT", "BIND", "SEND", "RESOLVE", "ACCEPT"]
        self.assertEqual(actions, {
            "client": everything, "no client": [],
            "plane": ["CONNECT", "BIND", "SEND", "ACCEPT"], "other plane": [],
            "socket": ["CONNECT", "BIND"], "listener": ["ACCEPT"]})


class DefaultRefusalsTest(EventsCase):
    """Without a rule, or with one that allows it."""

    configuration = "policy { rules { verdict: ALLOW } }"

    def test_of_raw_sockets_on_every_plane(self):
        self.assert_raw_sockets_are_told("wspd makes no raw sockets")

    def test_of_options_that_take_a_privilege(self):
        watch = self.watch(kinds=[EVENT.KIND_SOCKET_REFUSED])
        client = self.started()
        stream = self.make(client)
        # IP_OPTIONS: a strict source route by this host.
        completion = client.call(
            "set_sock_opt", stream, level=0, option=1,
            value=PROVIDER.OptionValue(raw=b"\x89\7\4\x7f\0\0\1\0"))
        self.assertEqual(completion.wsa_error, 10013)
        (event,) = watch.until(lambda e: True)
        self.assertEqual(
            (event.action, event.socket_id, event.pid, words(event)),
            (ADMIN.POLICY_ACTION_PRIVILEGE, stream, os.getpid(),
             "refused EACCES option 0/1 takes a privilege"))


def die(path, port):
    """Connects, and waits to be killed."""
    client = wire_client.WireClient(PROTOS, path)
    client.attach()
    client.call("startup", version_requested=0x0202)
    client.call("socket", 7, family=PROVIDER.SocketRequest.FAMILY_IPV4,
                type=PROVIDER.SocketRequest.TYPE_STREAM, protocol=IPPROTO_TCP)
    client.call("connect", 7, address=client.ipv4(LOOPBACK, port))
    threading.Event().wait()


if __name__ == "__main__":
    if len(sys.argv) > 3 and sys.argv[3] == "--die":
        die(sys.argv[4], int(sys.argv[5]))
    unittest.main(argv=sys.argv[:1], verbosity=2)
