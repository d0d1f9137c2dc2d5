#!/usr/bin/python3
"""Sockets relayed for a client of the LINUX personality, on stock gRPC.

Usage: relayed_client_test.py WSPD PROTO_ROOT
"""

import errno
import os
import select
import socket
import struct
import sys
import time
import unittest

PYTHON = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..",
                      "python")
sys.path.insert(0, PYTHON)
import daemon_process  # noqa: E402
import linux_client  # noqa: E402
import wire_client  # noqa: E402

WSPD = os.path.abspath(sys.argv[1])
PROTOS = wire_client.load_protos(sys.argv[2])
LINUX = PROTOS.linux
STATE = LINUX.LinuxStateResult
DEADLINE = 30
# How many times as long things may take as elsewhere: on an emulated machine.
SLOWNESS = int(os.environ.get("WSPD_TEST_SLOWNESS", "1"))
ACCEPTED = struct.Struct("=" + 2 * "BxH4x16s4x" + "Q")


class RelayedClientTest(unittest.TestCase):

    def setUp(self):
        self.daemon = daemon_process.DaemonProcess(WSPD, "--log_level",
                                                   "DEBUG")
        self.daemon.__enter__()
        self.addCleanup(self.daemon.__exit__, None, None, None)
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.listener.settimeout(DEADLINE)
        self.addCleanup(self.listener.close)
        self.port = self.listener.getsockname()[1]

    def client(self):
        client = linux_client.LinuxClient(PROTOS, self.daemon.provider_socket)
        self.addCleanup(client.close)
        client.attach()
        self.assertEqual(client.connect_descriptors(), (0, 0, []))
        return client

    def relay(self, client):
        number, program = client.relay()
        program.settimeout(DEADLINE)
        self.addCleanup(program.close)
        return number, program

    def ask(self, client, number, **request):
        completion = client.linux_call(number, **request)
        self.assertEqual(completion.linux_errno, 0, completion)
        return completion.linux_call

    def connect(self, client, number, port):
        address = client.ipv4(0x7f000001, port)
        result = self.ask(client, number,
                          connect=LINUX.LinuxConnect(address=address))
        deadline = time.monotonic() + DEADLINE
        while result.connect.in_progress and time.monotonic() < deadline:
            if self.state(client, number).state != STATE.STATE_CONNECTING:
                break

    def state(self, client, number):
        return self.ask(client, number, state=LINUX.LinuxState()).state

    def connected(self, client):
        number, program = self.relay(client)
        self.connect(client, number, self.port)
        peer, _ = self.listener.accept()
        peer.settimeout(DEADLINE)
        self.addCleanup(peer.close)
        return number, program, peer

    def port_of(self, client, number, peer=False):
        result = self.ask(client, number, name=LINUX.LinuxName(peer=peer))
        return result.name.address.ipv4.port

    def test_bytes_names_and_the_end(self):
        client = self.client()
        number, program, peer = self.connected(client)
        self.assertEqual(program.family, socket.AF_UNIX)
        self.assertTrue(program.getpeername().startswith(b"\0wspd-"))
        program.sendall(b"ping")
        self.assertEqual(peer.recv(4), b"ping")
        peer.sendall(b"pong")
        self.assertEqual(program.recv(4), b"pong")
        self.assertEqual(self.port_of(client, number),
                         peer.getpeername()[1])
        self.assertEqual(self.port_of(client, number, peer=True), self.port)
        begin = time.monotonic()
        program.close()
        self.assertEqual(peer.recv(1), b"")
        took = time.monotonic() - begin
        print(f"end after {1e3 * took:.1f} ms")
        self.assertLess(took, 0.1 * SLOWNESS)

    def test_sockets_live_on_without_their_attachment(self):
        client = self.client()
        number, program, peer = self.connected(client)
        client.close()
        program.sendall(b"ping")
        self.assertEqual(peer.recv(4), b"ping")
        # Who holds it goes on with it.
        other = self.client()
        self.assertEqual(
            other.linux_call(number, state=LINUX.LinuxState()).linux_errno,
            errno.EBADF)
        self.assertEqual(other.adopt(number, program.fileno()), 0)
        self.assertEqual(self.state(other, number).state,
                         STATE.STATE_CONNECTED)

    def test_options_and_ioctls(self):
        client = self.client()
        number, _ = self.relay(client)
        one = struct.pack("=i", 1)

        def set_option(level, name, value=one):
            return client.linux_call(
                number, set_option=LINUX.LinuxSetOption(
                    level=level, name=name, value=value)).linux_errno

        def get_option(level, name, length=4):
            return self.ask(client, number, get_option=LINUX.LinuxGetOption(
                level=level, name=name, length=length)).get_option.value

        self.assertEqual(set_option(socket.IPPROTO_TCP, socket.TCP_NODELAY),
                         0)
        self.assertEqual(get_option(socket.IPPROTO_TCP, socket.TCP_NODELAY),
                         one)
        self.assertEqual(get_option(socket.SOL_SOCKET, 39),
                         struct.pack("=i", socket.AF_INET))
        self.assertEqual(get_option(socket.SOL_SOCKET, socket.SO_ERROR),
                         bytes(4))
        self.assertGreater(
            len(get_option(socket.IPPROTO_TCP, socket.TCP_INFO, 4096)), 100)
        for level, name in ((socket.SOL_SOCKET, socket.SO_MARK),
                            (socket.SOL_SOCKET, socket.SO_BINDTODEVICE),
                            (socket.SOL_SOCKET, 26),
                            (socket.SOL_IP, 19),
                            (socket.IPPROTO_TCP, 19)):
            self.assertEqual(set_option(level, name), errno.EPERM, name)
        # IPT_SO_SET_REPLACE.
        self.assertEqual(set_option(socket.SOL_IP, 64), errno.ENOPROTOOPT)
        # The kernel would load a module of that name.
        self.assertEqual(client.linux_call(
            number, ioctl=LINUX.LinuxIoctl(
                request=0x8913, value=b"dccp".ljust(40, b"\0"))).linux_errno,
            errno.ENODEV)
        # MCAST_MSFILTER writes as much as its value says.
        self.assertEqual(client.linux_call(
            number, get_option=LINUX.LinuxGetOption(
                level=0, name=48, length=144,
                value=bytes(144))).linux_errno, errno.ENOPROTOOPT)
        # TCP_ZEROCOPY_RECEIVE writes where its value says.
        self.assertEqual(client.linux_call(
            number, get_option=LINUX.LinuxGetOption(
                level=socket.IPPROTO_TCP, name=35, length=64,
                value=bytes(64))).linux_errno, errno.ENOPROTOOPT)
        self.assertEqual(client.linux_call(
            number, get_option=LINUX.LinuxGetOption(
                level=0, name=1, length=4097)).linux_errno, errno.EINVAL)
        result = self.ask(client, number, ioctl=LINUX.LinuxIoctl(
            request=0x8933, value=b"lo".ljust(40, b"\0")))
        self.assertEqual(struct.unpack("=i", result.ioctl.value[16:20])[0],
                         socket.if_nametoindex("lo"))
        # SIOCSIFFLAGS.
        self.assertEqual(client.linux_call(
            number, ioctl=LINUX.LinuxIoctl(
                request=0x8914, value=bytes(40))).linux_errno, errno.ENOTTY)

    def test_a_listener_hands_connections_out(self):
        client = self.client()
        number, program = self.relay(client)
        self.ask(client, number, bind=LINUX.LinuxBind(
            address=client.ipv4(0x7f000001, 0)))
        self.ask(client, number, listen=LINUX.LinuxListen(backlog=5))
        self.assertEqual(self.state(client, number).state,
                         STATE.STATE_LISTENING)
        port = self.port_of(client, number)
        peers = [socket.create_connection(("127.0.0.1", port), DEADLINE)
                 for _ in range(3)]
        for peer in peers:
            self.addCleanup(peer.close)
            self.assertEqual(select.select([program], [], [], DEADLINE)[0],
                             [program])
            data, fds, _, _ = socket.recv_fds(program, ACCEPTED.size, 4)
            accepted = socket.socket(fileno=fds[0])
            self.addCleanup(accepted.close)
            accepted.settimeout(DEADLINE)
            fields = ACCEPTED.unpack(data)
            self.assertEqual(socket.ntohs(fields[1]), peer.getsockname()[1])
            self.assertEqual(socket.ntohs(fields[4]), port)
            peer.sendall(b"hello")
            self.assertEqual(accepted.recv(5), b"hello")
            accepted.sendall(b"you too")
            self.assertEqual(peer.recv(7), b"you too")
            # Who has the listener has what it accepts.
            self.assertEqual(self.state(client, fields[6]).state,
                             STATE.STATE_CONNECTED)
            accepted.close()
            self.assertEqual(peer.recv(1), b"")
        program.close()
        deadline = time.monotonic() + DEADLINE
        while (client.linux_call(number, state=LINUX.LinuxState()).linux_errno
               != errno.EBADF and time.monotonic() < deadline):
            pass
        with self.assertRaises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), DEADLINE)

    def test_adoption_is_for_who_holds_the_descriptor(self):
        client = self.client()
        number, program, _ = self.connected(client)
        other_number, other_program, _ = self.connected(client)
        stranger = self.client()
        self.assertEqual(stranger.adopt(number, other_program.fileno()),
                         errno.EBADF)
        self.assertEqual(stranger.adopt(1 << 40, program.fileno()),
                         errno.EBADF)
        self.assertEqual(
            stranger.linux_call(number,
                                state=LINUX.LinuxState()).linux_errno,
            errno.EBADF)
        for _ in range(200):
            self.assertEqual(
                stranger.adopt(other_number, other_program.fileno()), 0)
        self.state(stranger, other_number)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1], verbosity=2)
