#!/usr/bin/python3
"""A client in another language does what the C++ one does, on stock gRPC.

Usage: python_client_test.py WSPD PROTO_ROOT
"""

import os
import socket
import sys
import time
import unittest

import grpc

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)),
                                "..", "python"))
import daemon_process  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
TYPES, PROVIDER, ADMIN = PROTOS

WSANOTINITIALISED = 10093
WSAENOTSOCK = 10038
WSAECONNREFUSED = 10061
IPPROTO_TCP = 6
LOOPBACK = 0x7F000001
DEADLINE = 30


class PythonClientTest(unittest.TestCase):

    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD)
        self.daemon.__enter__()
        self.addCleanup(self.stop)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        self.admin_channel = grpc.insecure_channel(
            f"unix:{self.daemon.admin_socket}")
        self.addCleanup(self.admin_channel.close)

    def stop(self):
        self.daemon.__exit__(None, None, None)
        self.assertEqual(self.daemon.status, 0, self.daemon.log)

    def attached(self, **hello):
        client = wire_client.WireClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach(**hello)
        return client

    def succeed(self, client, request, socket_id=0, **fields):
        completion = client.call(request, socket_id, **fields)
        self.assertEqual((completion.wsa_error, completion.linux_errno),
                         (0, 0), f"{request}: {completion}")
        return getattr(completion, request)

    def startup(self, client):
        return self.succeed(client, "startup", version_requested=0x0202)

    def connect(self, client):
        """A connected socket's id, and its peer."""
        socket_id = client.new_socket_id()
        self.succeed(client, "socket", socket_id,
                     family=PROVIDER.SocketRequest.FAMILY_IPV4,
                     type=PROVIDER.SocketRequest.TYPE_STREAM,
                     protocol=IPPROTO_TCP)
        self.succeed(client, "connect", socket_id,
                     address=client.ipv4(LOOPBACK, self.port))
        peer, _ = self.listener.accept()
        peer.settimeout(DEADLINE)
        self.addCleanup(peer.close)
        return socket_id, peer

    def assert_reset(self, peer):
        with self.assertRaises(ConnectionResetError):
            while peer.recv(65536):
                pass
            self.fail("an orderly end")

    def admin(self, method, request, reply):
        call = self.admin_channel.unary_unary(
            f"/wsp.v1.Admin/{method}", lambda m: m.SerializeToString(),
            reply.FromString)
        return call(request, timeout=DEADLINE)

    def myself(self):
        clients = self.admin("ListClients", ADMIN.ListClientsRequest(),
                             ADMIN.ListClientsResponse).clients
        found = [c for c in clients if c.pid == os.getpid()]
        return found[0] if found else None

    def test_moves_bytes_both_ways(self):
        client = self.attached()
        started = self.startup(client)
        self.assertEqual((started.version, started.high_version,
                          started.startups), (0x0202, 0x0202, 1))
        socket_id, peer = self.connect(client)
        sent = self.succeed(client, "send", socket_id, data=b"ping")
        self.assertEqual(sent.bytes_sent, 4)
        self.assertEqual(peer.recv(4), b"ping")
        peer.sendall(b"pong")
        received = self.succeed(client, "recv", socket_id, max_bytes=100)
        self.assertEqual(received.data, b"pong")
        cleaned = self.succeed(client, "cleanup")
        self.assertEqual((cleaned.startups, cleaned.final), (0, True))
        self.assert_reset(peer)
        self.assertEqual(client.call("cleanup").wsa_error, WSANOTINITIALISED)

    def test_finds_itself_in_the_admin_listing(self):
        begin = time.time_ns()
        client = self.attached()
        attached = time.time_ns()
        self.startup(client)
        self.startup(client)
        self.connect(client)
        me = self.myself()
        self.assertIsNotNone(me)
        self.assertEqual((me.uid, me.startups, me.attachments, me.sockets),
                         (os.getuid(), 2, 1, 1))
        self.assertEqual((me.gid, me.version.major, me.pending_calls),
                         (os.getgid(), 1, 0))
        self.assertTrue(begin <= me.attached_at_ns <= attached)
        self.assertTrue(attached <= me.last_call_at_ns <= time.time_ns())
        self.assertEqual(me.client_name, "python")
        self.assertEqual(me.personality, TYPES.PERSONALITY_WINSOCK)
        self.assertEqual(me.executable, os.path.realpath(sys.executable))
        sockets = self.admin("ListSockets",
                             ADMIN.ListSocketsRequest(pid=os.getpid()),
                             ADMIN.ListSocketsResponse).sockets
        self.assertEqual(len(sockets), 1)
        self.assertEqual(sockets[0].peer.ipv4.port, self.port)
        self.succeed(client, "cleanup")
        self.succeed(client, "cleanup")
        me = self.myself()
        self.assertTrue(me is None or me.startups == me.sockets == 0, me)

    def test_its_name_is_kept_to_64_bytes(self):
        names = {"n" * 64: "n" * 64, "m" * 65: "m" * 64,
                 "l" * 63 + "\u00e9": "l" * 63 + "\ufffd"}
        for name, kept in names.items():
            self.attached(client_name=name)
            self.assertEqual(self.myself().client_name, kept)
        for name in " name=" + "n" * 64, " name=" + "m" * 64:
            self.assertTrue(self.daemon.await_line(
                "client attached", name).endswith(name))

    def test_attachments_of_one_process_share_its_count(self):
        one, other = self.attached(), self.attached()
        self.assertEqual(self.startup(one).startups, 1)
        self.assertEqual(self.startup(other).startups, 2)
        _, peer = self.connect(one)
        cleaned = self.succeed(other, "cleanup")
        self.assertEqual((cleaned.startups, cleaned.final), (1, False))
        # The other attachment takes the last one off, which ends both.
        cleaned = self.succeed(other, "cleanup")
        self.assertEqual((cleaned.startups, cleaned.final), (0, True))
        self.assert_reset(peer)
        for client in one, other:
            self.assertEqual(client.call("cleanup").wsa_error,
                             WSANOTINITIALISED)

    def test_one_attachment_does_not_see_the_others_sockets(self):
        one, other = self.attached(), self.attached()
        self.startup(one)
        self.startup(other)
        socket_id, peer = self.connect(one)
        for request in "get_sock_name", "close_socket", "cleanup":
            if request == "cleanup":
                self.succeed(other, request)
                continue
            self.assertEqual(other.call(request, socket_id).wsa_error,
                             WSAENOTSOCK, request)
        self.succeed(one, "send", socket_id, data=b"mine")
        self.assertEqual(peer.recv(4), b"mine")

    def test_refused_connection_is_a_result_with_both_codes(self):
        client = self.attached()
        self.startup(client)
        self.listener.close()
        socket_id = client.new_socket_id()
        self.succeed(client, "socket", socket_id,
                     family=PROVIDER.SocketRequest.FAMILY_IPV4,
                     type=PROVIDER.SocketRequest.TYPE_STREAM)
        completion = client.call("connect", socket_id,
                                 address=client.ipv4(LOOPBACK, self.port))
        self.assertEqual((completion.wsa_error, completion.linux_errno),
                         (WSAECONNREFUSED, 111))

    def test_calls_before_startup_are_not_initialised(self):
        client = self.attached()
        for request in "cleanup", "socket", "close_socket", "send", "recv":
            completion = client.call(request, client.new_socket_id())
            self.assertEqual(completion.wsa_error, WSANOTINITIALISED, request)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
