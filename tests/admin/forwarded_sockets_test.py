#!/usr/bin/python3
"""What wspctl says of a forwarded socket, of a real daemon and by its admin
socket, and that it resets or closes one."""

import errno
import json
import socket
import struct
import time

import admin_case

LOOPBACK = 0x7F000001
WSAECONNABORTED = 10053
WSAECONNRESET = 10054
WSAECONNREFUSED = 10061


class ForwardedSocketsTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()
        self.client = self.started()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.port = self.server.getsockname()[1]

    def address(self, port):
        return self.client.ipv4(LOOPBACK, port)

    def make(self):
        error, number = self.make_socket(self.client)
        self.assertEqual(error, 0)
        return number

    def connected(self):
        """The number of a connected socket, and its peer."""
        number = self.make()
        self.assertEqual(self.error(self.client, "connect", number,
                                    address=self.address(self.port)), 0)
        peer, _ = self.server.accept()
        self.addCleanup(peer.close)
        peer.settimeout(admin_case.DEADLINE)
        return number, peer

    def listed(self, number, fields=()):
        """As wspctl shows the socket, with all fields or some."""
        chosen = ["--fields", ",".join(["socket_id", *fields])]
        lines = self.wspctl("--json", "sockets",
                            *(chosen if fields else [])).splitlines()
        found = [one for one in map(json.loads, lines)
                 if one["socket_id"] == str(number)]
        self.assertEqual(len(found), 1, lines)
        return found[0]

    def await_listed(self, number, **wanted):
        """What ends is told to the client first."""
        deadline = time.monotonic() + admin_case.DEADLINE
        while True:
            one = self.listed(number)
            got = {name: one[name] for name in wanted}
            if got == wanted:
                return one
            self.assertLess(time.monotonic(), deadline, (got, wanted))

    def begin_receives(self, number, count):
        calls = [self.client.begin("recv", number, max_bytes=100)
                 for _ in range(count)]
        # Calls begin in their order: by the end of this one they all have.
        self.assertEqual(self.error(self.client, "get_sock_name", number), 0)
        return calls

    def name_of(self, number):
        """As the table shows it."""
        lines = self.wspctl("sockets", "--fields", "socket_id").splitlines()
        self.assertIn(f"{number:016x}", [line.strip() for line in lines])
        return f"{number:016x}"

    def test_how_old_it_is(self):
        before = time.time_ns()
        number = self.make()
        after = time.time_ns()
        self.make()
        opened = int(self.listed(number)["opened_at_ns"])
        self.assertLessEqual(before, opened)
        self.assertLessEqual(opened, after)

    def test_what_it_does_and_has_done(self):
        number, peer = self.connected()
        self.await_listed(number, pending_calls=0, sends="0", receives="0")
        first, second = self.begin_receives(number, 2)
        self.await_listed(number, pending_calls=2, receives="0")
        peer.sendall(b"hello")
        self.assertEqual(self.client.finish(first).recv.data, b"hello")
        self.assertEqual(
            self.error(self.client, "send", number, data=b"welcome"), 0)
        one = self.await_listed(
            number, pending_calls=1, sends="1", receives="1", bytes_sent="7",
            bytes_received="5", state="SOCKET_STATE_CONNECTED", last_errno=0,
            peer=f"127.0.0.1:{self.port}")
        self.assertGreaterEqual(int(one["active_at_ns"]),
                                int(one["opened_at_ns"]))
        peer.sendall(b"!")
        self.assertEqual(self.client.finish(second).recv.data, b"!")
        self.await_listed(number, pending_calls=0, receives="2",
                          bytes_received="6")

    def test_what_the_kernel_says_of_its_connection(self):
        number, peer = self.connected()
        peer.sendall(bytes(1000))
        received = 0
        while received < 1000:
            received += len(self.client.call(
                "recv", number, max_bytes=1000).recv.data)
        tcp = self.listed(number, ["tcp"])["tcp"]
        for name in ("rtt_us", "congestion_window", "send_segment_bytes"):
            self.assertGreater(int(tcp[name]), 0, tcp)
        # Of what has none there is nothing.
        self.assertNotIn("rtt_us", self.listed(self.make(), ["tcp"])
                         .get("tcp") or {})

    def test_its_last_error(self):
        number, peer = self.connected()
        self.assertEqual(self.listed(number)["last_errno"], 0)
        receive, = self.begin_receives(number, 1)
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                        struct.pack("ii", 1, 0))
        peer.close()
        self.assertEqual(self.client.finish(receive).wsa_error, WSAECONNRESET)
        self.await_listed(number, last_errno=errno.ECONNRESET,
                          pending_calls=0)
        self.assertIn("ECONNRESET", self.wspctl(
            "sockets", "--fields", "socket_id,last_errno"))

    def test_a_connection_is_reset(self):
        number, peer = self.connected()
        other, other_peer = self.connected()
        receive, = self.begin_receives(number, 1)
        out = self.wspctl("reset", self.name_of(number))
        self.assertIn(f"{number:016x}", out)
        self.assertEqual(self.client.finish(receive).wsa_error,
                         WSAECONNABORTED)
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)
        self.assertEqual(self.error(self.client, "send", number, data=b"x"),
                         WSAECONNABORTED)
        self.assertIsNotNone(self.daemon.await_line(
            "administrator resets a socket", "result=OK"))
        self.assertEqual(self.error(self.client, "send", other, data=b"x"), 0)
        self.assertEqual(other_peer.recv(10), b"x")

    def test_a_listener_is_reset(self):
        number = self.make()
        self.assertEqual(self.error(self.client, "bind", number,
                                    address=self.address(0)), 0)
        self.assertEqual(self.error(self.client, "listen", number, backlog=5),
                         0)
        port = int(self.listed(number)["local"].rsplit(":", 1)[1])
        accept = self.client.begin(
            "accept", number, accepted_socket_id=self.client.new_socket_id())
        self.wspctl("reset", f"1/{self.name_of(number)}")
        self.assertEqual(self.client.finish(accept).wsa_error,
                         WSAECONNABORTED)
        self.assertEqual(self.error(self.client, "connect", self.make(),
                                    address=self.address(port)),
                         WSAECONNREFUSED)

    def test_a_connection_is_closed(self):
        number, peer = self.connected()
        peer.sendall(b"unread")
        receive = self.client.begin("recv", number, max_bytes=6)
        self.assertEqual(self.client.finish(receive).recv.data, b"unread")
        receive, = self.begin_receives(number, 1)
        peer_bytes = b"answer" * 1000
        self.assertEqual(
            self.error(self.client, "send", number, data=peer_bytes), 0)
        name = self.name_of(number)
        self.assertIn(name, self.wspctl("close", name))
        self.assertEqual(self.client.finish(receive).wsa_error,
                         WSAECONNABORTED)
        self.assertEqual(self.error(self.client, "send", number, data=b"x"),
                         WSAECONNABORTED)
        self.await_listed(number, state="SOCKET_STATE_CLOSING")
        self.assertIsNotNone(self.daemon.await_line(
            "administrator closes a socket", "result=OK"))
        self.assertIn("it has been closed",
                      self.wspctl("close", name, code=1))
        # It sends on, and nothing is reset until the client closes; nor then.
        peer.sendall(b"more")
        self.assertEqual(self.error(self.client, "close_socket", number), 0)
        self.assertIn("it has been closed",
                      self.wspctl("close", name, code=1))
        received = b""
        while chunk := peer.recv(10000):
            received += chunk
        self.assertEqual(received, peer_bytes)

    def test_what_has_nothing_to_close_says_so(self):
        name = self.name_of(self.make())
        self.assertIn("there is nothing to close",
                      self.wspctl("close", name, code=1))

    def test_what_has_nothing_to_reset_says_so(self):
        number = self.make()
        name = self.name_of(number)
        self.assertIn("there is nothing to reset",
                      self.wspctl("reset", name, code=1))
        self.assertIn("there is no such socket",
                      self.wspctl("reset", f"2/{name}", code=1))


if __name__ == "__main__":
    admin_case.main()
