#!/usr/bin/python3
"""Sockets lent to a client of the LINUX personality, on stock gRPC.

Usage: linux_client_test.py WSPD PROTO_ROOT
"""

import errno
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import unittest

import grpc

PYTHON = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                      "python")
sys.path.insert(0, PYTHON)
import daemon_process  # noqa: E402
import linux_client  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTO_ROOT = sys.argv[2]
PROTOS = wire_client.load_protos(PROTO_ROOT)
TYPES, PROVIDER, ADMIN = PROTOS
REQUEST = PROTOS.linux.LinuxSocketRequest
DEADLINE = 30


def inode_of(sock):
    return os.stat(f"/proc/self/fd/{sock.fileno()}").st_ino


class LinuxClientCase(unittest.TestCase):
    CONFIG = ""

    def setUp(self):
        config = tempfile.NamedTemporaryFile("w", suffix=".textproto")
        self.addCleanup(config.close)
        config.write(self.CONFIG)
        config.flush()
        self.daemon = daemon_process.DaemonProcess(
            WSPD, "--config", config.name, "--log_level", "DEBUG")
        self.daemon.__enter__()
        self.addCleanup(self.stop)
        self.expected_status = 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]
        self.admin_channel = grpc.insecure_channel(
            f"unix:{self.daemon.admin_socket}")
        self.addCleanup(self.admin_channel.close)

    def stop(self):
        self.daemon.__exit__(None, None, None)
        self.assertEqual(self.daemon.status, self.expected_status,
                         self.daemon.log)

    def attached(self):
        client = linux_client.LinuxClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        return client

    def client(self):
        client = self.attached()
        self.assertEqual(client.connect_descriptors(), (0, 0, []))
        return client

    def lend(self, client, **fields):
        completion, lent = client.lend(**fields)
        self.assertEqual((completion.wsa_error, completion.linux_errno),
                         (0, 0), completion)
        self.addCleanup(lent.close)
        lent.settimeout(DEADLINE)
        return lent

    def accept(self):
        peer, _ = self.listener.accept()
        peer.settimeout(DEADLINE)
        self.addCleanup(peer.close)
        return peer

    def connected(self, client):
        lent = self.lend(client)
        lent.connect(("127.0.0.1", self.port))
        return lent, self.accept()

    def admin(self, method, request, reply):
        call = self.admin_channel.unary_unary(
            f"/wsp.v1.Admin/{method}", lambda m: m.SerializeToString(),
            reply.FromString)
        return call(request, timeout=DEADLINE)

    def clients(self):
        return self.admin("ListClients", ADMIN.ListClientsRequest(),
                          ADMIN.ListClientsResponse).clients

    def sockets(self):
        return self.admin("ListSockets", ADMIN.ListSocketsRequest(),
                          ADMIN.ListSocketsResponse).sockets

    def await_equal(self, get, wanted):
        deadline = time.monotonic() + DEADLINE
        while get() != wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertEqual(get(), wanted)

    def daemons_inodes(self):
        folder = f"/proc/{self.daemon.process.pid}/fd"
        inodes = []
        for name in os.listdir(folder):
            try:
                inodes.append(os.stat(os.path.join(folder, name)).st_ino)
            except FileNotFoundError:
                pass
        return inodes


class LentSocketsTest(LinuxClientCase):

    def test_the_socket_is_the_clients_alone(self):
        client = self.client()
        lent, peer = self.connected(client)
        lent.sendall(b"ping")
        self.assertEqual(peer.recv(4), b"ping")
        peer.sendall(b"pong")
        self.assertEqual(lent.recv(4), b"pong")
        self.assertNotIn(inode_of(lent), self.daemons_inodes())
        begin = time.monotonic()
        lent.close()
        self.assertEqual(peer.recv(1), b"")
        print(f"end after {1e3 * (time.monotonic() - begin):.1f} ms")

    def test_udp_and_ipv6(self):
        client = self.client()
        here = self.lend(client, family=REQUEST.FAMILY_IPV6,
                         type=REQUEST.TYPE_DATAGRAM)
        there = self.lend(client, family=REQUEST.FAMILY_IPV6,
                          type=REQUEST.TYPE_DATAGRAM, nonblocking=True)
        self.assertEqual(here.family, socket.AF_INET6)
        self.assertEqual(here.type, socket.SOCK_DGRAM)
        here.bind(("::1", 0))
        there.sendto(b"hello", here.getsockname())
        self.assertEqual(here.recv(100), b"hello")

    def test_listens(self):
        lent = self.lend(self.client())
        lent.bind(("127.0.0.1", 0))
        lent.listen()
        peer = socket.create_connection(lent.getsockname(), DEADLINE)
        self.addCleanup(peer.close)
        accepted, _ = lent.accept()
        accepted.sendall(b"hello")
        self.assertEqual(peer.recv(5), b"hello")
        accepted.close()

    def test_listing_and_counts(self):
        client = self.client()
        lent, peer = self.connected(client)
        udp = self.lend(client, type=REQUEST.TYPE_DATAGRAM)
        udp.bind(("127.0.0.1", 0))
        lent.sendall(bytes(1000))
        peer.recv(1000, socket.MSG_WAITALL)
        me = self.clients()[0]
        self.assertEqual((me.pid, me.personality, me.sockets, me.startups),
                         (os.getpid(), TYPES.PERSONALITY_LINUX, 2, 0))
        listed = {s.protocol: s for s in self.sockets()}
        tcp = listed[socket.IPPROTO_TCP]
        self.assertEqual(
            (tcp.client_id, tcp.pid, tcp.uid, tcp.plane, tcp.state,
             tcp.bytes_sent, tcp.bytes_unknown, tcp.peer.ipv4.port),
            (me.client_id, os.getpid(), os.getuid(), TYPES.PLANE_LENT,
             ADMIN.SOCKET_STATE_CONNECTED, 1000, False, self.port))
        self.assertTrue(listed[socket.IPPROTO_UDP].bytes_unknown)
        self.assertEqual(listed[socket.IPPROTO_UDP].local.ipv4.port,
                         udp.getsockname()[1])
        one = self.admin("GetSocket", ADMIN.GetSocketRequest(
            client_id=tcp.client_id, socket_id=tcp.socket_id),
            ADMIN.GetSocketResponse).socket
        self.assertEqual(one.cookie, tcp.cookie)
        lent.close()
        peer.close()
        udp.close()
        self.await_equal(lambda: len(self.sockets()), 0)
        self.await_equal(lambda: self.clients()[0].sockets, 0)
        info = self.admin("GetServerInfo", ADMIN.GetServerInfoRequest(),
                          ADMIN.GetServerInfoResponse)
        self.assertEqual((info.bytes_sent_total, info.sockets), (1000, 0))
        self.assertIsNotNone(self.daemon.await_line(
            "lent socket ended", "bytes_sent=1000"))

    def test_listing_by_state_and_in_pages(self):
        client = self.client()
        lent = [self.lend(client, type=REQUEST.TYPE_DATAGRAM)
                for _ in range(5)]
        lent[0].bind(("127.0.0.1", 0))
        request = ADMIN.ListSocketsRequest(
            states=[ADMIN.SOCKET_STATE_BOUND], local_network="127.0.0.0/8",
            local_port=lent[0].getsockname()[1], fields=["local", "plane"])
        found = self.admin("ListSockets", request,
                           ADMIN.ListSocketsResponse).sockets
        self.assertEqual(len(found), 1)
        self.assertEqual((found[0].plane, found[0].pid),
                         (TYPES.PLANE_LENT, 0))
        request = ADMIN.ListSocketsRequest(page_size=2)
        pages = []
        while not pages or request.page_token:
            page = self.admin("ListSockets", request,
                              ADMIN.ListSocketsResponse)
            pages.append([one.cookie for one in page.sockets])
            request.page_token = page.next_page_token
        self.assertEqual([len(page) for page in pages], [2, 2, 1])
        self.assertEqual(len(set(sum(pages, []))), 5)
        with self.assertRaises(grpc.RpcError) as caught:
            self.admin("ListSockets",
                       ADMIN.ListSocketsRequest(page_token="x"),
                       ADMIN.ListSocketsResponse)
        self.assertEqual(caught.exception.code(),
                         grpc.StatusCode.INVALID_ARGUMENT)

    def test_accepted_connections_are_listed_and_counted(self):
        listener = self.lend(self.client())
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        with socket.create_connection(listener.getsockname(),
                                      DEADLINE) as peer:
            accepted, _ = listener.accept()
            with accepted:
                accepted.sendall(bytes(1000))
                peer.recv(1000, socket.MSG_WAITALL)
                listed = [one for one in self.sockets()
                          if one.listener_cookie]
                self.assertEqual(
                    [(one.socket_id, one.pid, one.bytes_sent)
                     for one in listed], [(0, os.getpid(), 1000)])
        self.await_equal(
            lambda: self.admin("GetServerInfo", ADMIN.GetServerInfoRequest(),
                               ADMIN.GetServerInfoResponse).bytes_sent_total,
            1000)

    def test_lives_on_without_the_daemon(self):
        client = self.client()
        lent, peer = self.connected(client)
        self.daemon.process.kill()
        self.expected_status = -signal.SIGKILL
        self.daemon.process.wait()
        lent.sendall(b"ping")
        self.assertEqual(peer.recv(4), b"ping")

    def test_lives_on_in_other_hands(self):
        ours, theirs = socket.socketpair()
        ours.settimeout(DEADLINE)
        child = subprocess.Popen(
            [sys.executable, os.path.join(PYTHON, "linux_client.py"),
             PROTO_ROOT, self.daemon.provider_socket, str(self.port)],
            stdin=theirs, stdout=subprocess.PIPE)
        theirs.close()
        self.addCleanup(child.stdout.close)
        peer = self.accept()
        _, fds, _, _ = socket.recv_fds(ours, 1, 1)
        held = socket.socket(fileno=fds[0])
        ours.close()
        self.assertEqual(child.wait(DEADLINE), 0)
        self.await_equal(lambda: len(self.clients()), 0)
        listed = self.sockets()
        self.assertEqual([(s.client_id, s.pid, s.state) for s in listed],
                         [(0, child.pid, ADMIN.SOCKET_STATE_CONNECTED)])
        held.sendall(b"ping")
        self.assertEqual(peer.recv(4), b"ping")
        held.close()
        self.assertEqual(peer.recv(1), b"")
        peer.close()
        self.await_equal(lambda: len(self.sockets()), 0)

    def test_a_newer_descriptor_connection_replaces_the_older(self):
        client = self.client()
        older = client.descriptors
        self.assertEqual(client.connect_descriptors(), (0, 0, []))
        self.assertTrue(older.is_ended())
        older.close()
        self.lend(client)

    def test_no_descriptor_connection(self):
        client = self.attached()
        completion, _ = client.lend()
        self.assertEqual(completion.linux_errno, errno.ENOTCONN)
        client.connect_descriptors()
        client.descriptors.close()

        # Also if the daemon hasn't noticed: the descriptor finds nobody.
        completion, _ = client.lend()
        self.assertEqual(completion.linux_errno, errno.ENOTCONN)
        self.assertEqual(client.connect_descriptors(), (0, 0, []))
        self.lend(client)

    def test_names_are_looked_up(self):
        client = self.client()
        completion = client.call(
            "lookup", kind=PROVIDER.LookupRequest.KIND_OWN_HOST)
        self.assertEqual(completion.wsa_error, 0)
        self.assertNotEqual(completion.lookup.canonical_name, "")

    def test_detaching_ends_the_descriptor_connection(self):
        client = self.client()
        lent, peer = self.connected(client)
        wire_client.WireClient.close(client)
        self.assertTrue(client.descriptors.is_ended())
        self.await_equal(lambda: len(self.clients()), 0)
        lent.sendall(b"ping")
        self.assertEqual(peer.recv(4), b"ping")

    def test_many_sockets_come_and_go(self):
        client = self.client()
        begin = time.monotonic()
        for _ in range(500):
            lent, peer = self.connected(client)
            lent.close()
            peer.close()
        print(f"{(time.monotonic() - begin) * 2:.2f} ms each")
        self.await_equal(lambda: len(self.sockets()), 0)


class NoPlanesTest(LinuxClientCase):
    CONFIG = "planes { lent: false relayed: false }"

    def test_says_so(self):
        client = self.attached()
        self.assertEqual(list(client.welcome.capabilities), [])
        descriptors = linux_client.DescriptorConnection(
            self.daemon.provider_socket,
            linux_client.MAGIC + client.welcome.attachment_token)
        self.addCleanup(descriptors.close)
        self.assertTrue(descriptors.is_ended())
        self.assertIsNotNone(self.daemon.await_line(
            "descriptor connection refused", "CAPABILITY_LENT"))
        for plane in TYPES.PLANE_LENT, TYPES.PLANE_RELAYED:
            completion, _ = client.lend(plane=plane)
            self.assertEqual(completion.linux_errno, errno.EPERM)


class NothingIsLentTest(LinuxClientCase):
    CONFIG = "planes { lent: false }"

    def test_says_so(self):
        client = self.client()
        self.assertEqual(list(client.welcome.capabilities),
                         [TYPES.CAPABILITY_RELAYED])
        completion, _ = client.lend()
        self.assertEqual(completion.linux_errno, errno.EPERM)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
