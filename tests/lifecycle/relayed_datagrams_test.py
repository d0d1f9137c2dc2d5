#!/usr/bin/python3
"""Datagram sockets relayed for a client of the LINUX personality.

Usage: relayed_datagrams_test.py WSPD PROTO_ROOT
"""

import errno
import os
import socket
import struct
import sys
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
PROTOS = wire_client.load_protos(sys.argv[2])
TYPES, _, ADMIN = PROTOS
LINUX = PROTOS.linux
DATAGRAM = LINUX.LinuxSocketRequest.TYPE_DATAGRAM
STATE = LINUX.LinuxStateResult
DEADLINE = 30

# proto/relay_wire.h
HEADER = struct.Struct("=BxHi" "BxH4x16s4x")
KIND_DATAGRAM, KIND_ERROR = 0, 1


def message(payload, port=0, address="127.0.0.1", control=b"", flags=0,
            kind=KIND_DATAGRAM):
    family = 4 if port else 0
    packed = socket.inet_aton(address) if port else b""
    return HEADER.pack(kind, len(control), flags, family, socket.htons(port),
                       packed) + control + payload


def parse(data):
    """(kind, flags, port, control, payload)"""
    kind, control, flags, _, port, _ = HEADER.unpack(data[:HEADER.size])
    rest = data[HEADER.size:]
    return kind, flags, socket.ntohs(port), rest[:control], rest[control:]


class RelayedDatagramsTest(unittest.TestCase):

    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD, "--log_level",
                                                   "DEBUG")
        self.daemon.__enter__()
        self.addCleanup(self.daemon.__exit__, None, None, None)
        self.peer = self.udp()
        self.port = self.peer.getsockname()[1]

    def udp(self):
        peer = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        peer.bind(("127.0.0.1", 0))
        peer.settimeout(DEADLINE)
        self.addCleanup(peer.close)
        return peer

    def client(self):
        client = linux_client.LinuxClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.assertEqual(client.connect_descriptors(), (0, 0, []))
        return client

    def relay(self, client):
        number, program = client.relay(type=DATAGRAM)
        program.settimeout(DEADLINE)
        self.addCleanup(program.close)
        return number, program

    def ask(self, client, number, **request):
        completion = client.linux_call(number, **request)
        self.assertEqual(completion.linux_errno, 0, completion)
        return completion.linux_call

    def bound(self, client):
        number, program = self.relay(client)
        self.ask(client, number, bind=LINUX.LinuxBind(
            address=client.ipv4(0x7f000001, 0)))
        name = self.ask(client, number, name=LINUX.LinuxName())
        return number, program, name.name.address.ipv4.port

    def admin(self, method, request, reply):
        with grpc.insecure_channel(
                f"unix:{self.daemon.admin_socket}") as channel:
            return channel.unary_unary(
                f"/wsp.v1.Admin/{method}", lambda m: m.SerializeToString(),
                reply.FromString)(request, timeout=DEADLINE)

    def sockets(self):
        return self.admin("ListSockets", ADMIN.ListSocketsRequest(),
                          ADMIN.ListSocketsResponse).sockets

    def await_equal(self, get, wanted):
        deadline = time.monotonic() + DEADLINE
        while get() != wanted and time.monotonic() < deadline:
            time.sleep(0.005)
        self.assertEqual(get(), wanted)

    def test_datagrams_and_their_listing(self):
        client = self.client()
        number, program, port = self.bound(client)
        self.assertEqual(program.type, socket.SOCK_SEQPACKET)
        program.send(message(b"question", self.port))
        self.assertEqual(self.peer.recvfrom(100),
                         (b"question", ("127.0.0.1", port)))
        self.peer.sendto(b"answer", ("127.0.0.1", port))
        self.assertEqual(parse(program.recv(100)),
                         (KIND_DATAGRAM, 0, self.port, b"", b"answer"))
        program.send(b"malformed")
        self.await_equal(
            lambda: [s.datagrams_dropped for s in self.sockets()], [1])
        listed = self.sockets()[0]
        self.assertEqual(
            (listed.pid, listed.uid, listed.plane, listed.protocol,
             listed.state, listed.socket_id, listed.local.ipv4.port,
             listed.bytes_sent, listed.bytes_received, listed.bytes_unknown),
            (os.getpid(), os.getuid(), TYPES.PLANE_RELAYED,
             socket.IPPROTO_UDP, ADMIN.SOCKET_STATE_BOUND, number, port,
             8, 6, False))
        self.assertGreaterEqual(listed.active_at_ns,
                                listed.opened_at_ns - 10**9)
        one = self.admin("GetSocket", ADMIN.GetSocketRequest(
            client_id=listed.client_id, socket_id=number),
            ADMIN.GetSocketResponse).socket
        self.assertEqual(one.cookie, listed.cookie)
        clients = self.admin("ListClients", ADMIN.ListClientsRequest(),
                             ADMIN.ListClientsResponse).clients
        self.assertEqual([c.sockets for c in clients], [1])
        program.close()
        self.await_equal(lambda: len(self.sockets()), 0)
        info = self.admin("GetServerInfo", ADMIN.GetServerInfoRequest(),
                          ADMIN.GetServerInfoResponse)
        self.assertEqual(
            (info.sockets, info.bytes_sent_total, info.bytes_received_total),
            (0, 8, 6))

    def test_connected_and_refused(self):
        client = self.client()
        number, program, port = self.bound(client)
        nobody = self.udp()
        address = client.ipv4(0x7f000001, nobody.getsockname()[1])
        self.ask(client, number, connect=LINUX.LinuxConnect(address=address))
        self.assertEqual(
            self.ask(client, number, state=LINUX.LinuxState()).state.state,
            STATE.STATE_CONNECTED)
        program.send(message(b"hello"))
        self.assertEqual(nobody.recv(100), b"hello")
        nobody.close()
        program.send(message(b"hello"))
        self.assertEqual(parse(program.recv(100))[:2],
                         (KIND_ERROR, errno.ECONNREFUSED))
        self.ask(client, number, connect=LINUX.LinuxConnect())
        completion = client.linux_call(
            number, send=LINUX.LinuxSend(data=b"to whom?"))
        self.assertEqual(completion.linux_errno, errno.EDESTADDRREQ)

    def test_a_send_that_is_a_call(self):
        client = self.client()
        number, _, port = self.bound(client)

        def send(data, to, **fields):
            completion = client.linux_call(number, send=LINUX.LinuxSend(
                data=data, to=client.ipv4(to, self.port), **fields))
            return completion.linux_errno, completion.linux_call.send.sent

        loopback = 0x7f000001
        self.assertEqual(send(b"hello", loopback), (0, 5))
        self.assertEqual(self.peer.recv(100), b"hello")
        self.assertEqual(send(bytes(65507), loopback), (0, 65507))
        self.assertEqual(len(self.peer.recv(70000)), 65507)
        self.assertEqual(send(bytes(65508), loopback), (errno.EMSGSIZE, 0))
        self.assertEqual(send(b"x", 0xffffffff)[0], errno.EACCES)
        mark = struct.pack("=QiiI4x", 20, socket.SOL_SOCKET, 36, 1)
        self.assertEqual(send(b"x", loopback, control=mark)[0], errno.EPERM)

    def test_options_bring_control_messages(self):
        client = self.client()
        number, program, port = self.bound(client)
        for name in socket.IP_RECVTOS, 12:  # IP_RECVTTL
            self.ask(client, number, set_option=LINUX.LinuxSetOption(
                level=socket.SOL_IP, name=name, value=struct.pack("=i", 1)))
        self.peer.setsockopt(socket.SOL_IP, socket.IP_TTL, 9)
        self.peer.sendto(b"hello", ("127.0.0.1", port))
        _, _, _, control, payload = parse(program.recv(1000))
        self.assertEqual(payload, b"hello")
        self.assertIn(struct.pack("=Qiii", 20, socket.SOL_IP, socket.IP_TTL,
                                  9), control)

    def test_hostile_programs_harm_themselves_alone(self):
        client = self.client()
        _, hostile = self.relay(client)
        _, program, port = self.bound(client)
        lie = struct.pack("=Qii", 2**64 - 1, socket.SOL_IP, socket.IP_TTL)
        bad = [b"", b"x", bytes(HEADER.size - 1),
               message(b"", kind=KIND_ERROR), message(b"", kind=255),
               message(b"", flags=-1), bytes(66596), b"\xff" * 100,
               message(b"x", self.port, control=lie),
               HEADER.pack(0, 65535, 0, 4, 1, b"")]
        for data in bad:
            hostile.send(data)
            program.send(message(b"good", self.port))
            self.assertEqual(self.peer.recv(100), b"good")
        self.await_equal(
            lambda: sorted(s.datagrams_dropped for s in self.sockets()),
            [0, len(bad)])
        self.assertIsNotNone(self.daemon.await_line(
            "relayed datagram dropped", f"pid={os.getpid()}"))

    def test_a_program_that_does_not_read_costs_bounded_memory(self):
        client = self.client()
        _, program, port = self.bound(client)
        before = self.memory()
        for _ in range(20000):
            self.peer.sendto(bytes(8000), ("127.0.0.1", port))
        _, healthy, other_port = self.bound(client)
        self.peer.sendto(b"hello", ("127.0.0.1", other_port))
        self.assertEqual(parse(healthy.recv(100))[4], b"hello")
        grown = self.memory() - before
        print(f"{grown >> 10} KiB more")
        self.assertLess(grown, 16 << 20)
        # It has what there was room for, and what comes now.
        while len(parse(program.recv(10000))[4]) == 8000:
            program.settimeout(1)
            try:
                program.recv(10000, socket.MSG_PEEK)
            except TimeoutError:
                break
        self.peer.sendto(b"new", ("127.0.0.1", port))
        program.settimeout(DEADLINE)
        self.assertEqual(parse(program.recv(100))[4], b"new")

    def memory(self):
        with open(f"/proc/{self.daemon.process.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
