#!/usr/bin/python3
"""What other rules are to forwarded sockets that are open: "What was done before
stays" (config.proto, Policy). tests/preload has the same of relayed ones."""

import errno
import socket

import admin_case
from admin_case import PROVIDER

LOOPBACK, FAR = 0x7F000001, 0x7F000002
WSAEACCES = 10013
STREAM = PROVIDER.SocketRequest.TYPE_STREAM
DATAGRAM = PROVIDER.SocketRequest.TYPE_DATAGRAM


def connect_from(host, port):
    one = socket.socket()
    one.settimeout(admin_case.DEADLINE)
    one.bind((host, 0))
    one.connect(("127.0.0.1", port))
    return one


class OpenSocketsTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()
        self.client = self.started()

    def rules(self, text):
        self.write_config(f"policy {{ {text} }}")
        self.wspctl("reload")

    def make(self, kind):
        number = self.client.new_socket_id()
        self.assertEqual(self.error(
            self.client, "socket", number,
            family=PROVIDER.SocketRequest.FAMILY_IPV4, type=kind), 0)
        return number

    def at(self, port, host=LOOPBACK):
        return self.client.ipv4(host, port)

    def bind(self, kind):
        """A socket, and its port."""
        number = self.make(kind)
        bound = self.client.call("bind", number, address=self.at(0))
        self.assertEqual(bound.wsa_error, 0)
        return number, bound.bind.local.ipv4.port

    def listen(self, number):
        return self.error(self.client, "listen", number, backlog=16)

    def connect(self, number, port, host=LOOPBACK):
        return self.error(self.client, "connect", number,
                          address=self.at(port, host))

    def accept(self, listener):
        """The new socket, and its peer's address."""
        number = self.client.new_socket_id()
        done = self.client.call("accept", listener, accepted_socket_id=number)
        self.assertEqual(done.wsa_error, 0)
        return number, done.accept.peer.ipv4.address

    def send(self, number):
        return self.error(self.client, "send", number, data=b"ping")

    def receive(self, number):
        done = self.client.call("recv", number, max_bytes=16)
        self.assertEqual(done.wsa_error, 0)
        return done.recv.data

    def assert_taken(self, kind, port):
        """Somebody has that address."""
        with socket.socket(type=kind) as one:
            with self.assertRaises(OSError) as raised:
                one.bind(("127.0.0.1", port))
        self.assertEqual(raised.exception.errno, errno.EADDRINUSE)

    def test_connections_go_on(self):
        with socket.create_server(("127.0.0.1", 0)) as server, \
                socket.socket(type=socket.SOCK_DGRAM) as datagrams:
            datagrams.bind(("127.0.0.1", 0))
            datagrams.settimeout(admin_case.DEADLINE)
            stream, datagram = self.make(STREAM), self.make(DATAGRAM)
            stream_port = server.getsockname()[1]
            datagram_port = datagrams.getsockname()[1]
            self.assertEqual(self.connect(stream, stream_port), 0)
            peer, _ = server.accept()
            self.addCleanup(peer.close)
            self.assertEqual(self.connect(datagram, datagram_port), 0)
            self.rules("otherwise: DENY")
            self.assertEqual(self.send(stream), 0)
            self.assertEqual(peer.recv(16), b"ping")
            peer.sendall(b"pong")
            self.assertEqual(self.receive(stream), b"pong")
            self.assertEqual(self.send(datagram), 0)
            data, sender = datagrams.recvfrom(16)
            self.assertEqual(data, b"ping")
            datagrams.sendto(b"pong", sender)
            self.assertEqual(self.receive(datagram), b"pong")
            # What is done from now on is by the new rules.
            self.assertEqual(self.connect(self.make(STREAM), stream_port),
                             WSAEACCES)
            self.assertEqual(self.connect(datagram, datagram_port), WSAEACCES)
            self.assertEqual(
                self.error(self.client, "send_to", datagram, data=b"x",
                           to=self.at(datagram_port)), WSAEACCES)
            # That has taken nothing away.
            self.assertEqual(self.send(datagram), 0)
            self.assertEqual(datagrams.recv(16), b"ping")

    def test_an_address_stays_bound(self):
        stream, port = self.bind(STREAM)
        _, datagram_port = self.bind(DATAGRAM)
        self.rules("otherwise: DENY")
        self.assertEqual(self.error(self.client, "bind", self.make(STREAM),
                                    address=self.at(0)), WSAEACCES)
        self.assertEqual(self.listen(stream), WSAEACCES)
        self.assert_taken(socket.SOCK_STREAM, port)
        self.assert_taken(socket.SOCK_DGRAM, datagram_port)
        # What is to be denied by now has been done.
        self.rules("rules { verdict: DENY actions: BIND }")
        self.assertEqual(self.listen(stream), 0)
        with connect_from("127.0.0.1", port) as one:
            accepted, _ = self.accept(stream)
            one.sendall(b"pong")
            self.assertEqual(self.receive(accepted), b"pong")

    def test_a_listener_listens_and_looks_at_each(self):
        listener, port = self.bind(STREAM)
        self.assertEqual(self.listen(listener), 0)
        before = connect_from("127.0.0.2", port)
        self.addCleanup(before.close)
        accepted, peer = self.accept(listener)
        self.assertEqual(peer, FAR)
        self.rules('rules { verdict: DENY actions: LISTEN } rules { '
                   'verdict: DENY actions: ACCEPT addresses: "127.0.0.2" }')
        with connect_from("127.0.0.2", port) as denied, \
                connect_from("127.0.0.1", port):
            self.assertEqual(self.accept(listener)[1], LOOPBACK)
            with self.assertRaises(ConnectionResetError):
                denied.recv(1)
        # Who was let in is.
        before.sendall(b"pong")
        self.assertEqual(self.receive(accepted), b"pong")


if __name__ == "__main__":
    admin_case.main()
