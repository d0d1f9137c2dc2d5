#!/usr/bin/python3
"""What wspctl says of sockets that a Winsock client was lent, of a real daemon:
on which plane they are, what is known of them, and what happens to them.

The programs are wspcat and libwsp.so.
"""

import json
import os
import socket
import subprocess

import admin_case
import lent_client

LOOPBACK = 0x7F000001
WSAEACCES = 10013
WSPCAT, LIBWSP = admin_case.PROGRAMS


class LentSocketsTest(admin_case.AdminCase):
    def setUp(self):
        super().setUp()
        self.start()
        self.server = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(self.server.close)
        self.server.settimeout(admin_case.DEADLINE)
        self.port = self.server.getsockname()[1]

    def lines(self, *arguments):
        return [json.loads(line) for line in
                self.wspctl("--json", *arguments).splitlines()]

    def sockets(self, *filters):
        return self.lines("sockets", *filters)

    def watched(self, count, *filters):
        """The first events of those since the daemon's start."""
        watch = self.begin_wspctl("--json", "watch", "--from", "1", *filters)
        return [json.loads(watch.stdout.readline()) for _ in range(count)]

    def lent_client(self):
        client = self.attach(lent_client.LentClient)
        self.assertEqual(self.error(client, "startup",
                                    version_requested=0x0202), 0)
        return client

    def lent_datagrams(self, client):
        """Bound, and with a datagram to itself behind it that the daemon has
        moved: the number, the cookie, and the kernel's socket."""
        number = client.new_socket_id()
        kind = admin_case.PROVIDER.SocketRequest
        self.assertEqual(self.error(client, "socket", number,
                                    family=kind.FAMILY_IPV4,
                                    type=kind.TYPE_DATAGRAM), 0)
        self.assertEqual(self.error(client, "bind", number,
                                    address=client.ipv4(LOOPBACK, 0)), 0)
        name = client.call("get_sock_name", number).get_sock_name.address
        self.assertEqual(self.error(client, "connect", number, address=name), 0)
        self.assertEqual(self.error(client, "send", number, data=b"abc"), 0)
        self.assertEqual(
            client.call("recv", number, max_bytes=9).recv.data, b"abc")
        (before,) = self.sockets()
        self.assertEqual(
            (before["plane"], before["bytes_sent"], before["receives"]),
            ("PLANE_UNSPECIFIED", "3", "1"))
        cookie, lent = client.lend(number)
        self.addCleanup(lent.close)
        return number, cookie, lent

    def test_a_program_on_the_lent_plane(self):
        cat = subprocess.Popen(
            [WSPCAT, "--provider", LIBWSP, "connect", "127.0.0.1",
             str(self.port)],
            env={**os.environ, "WSPD_PLANE": "lent",
                 "WSPD_SOCKET": self.daemon.provider_socket},
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE)
        self.addCleanup(cat.communicate)
        self.addCleanup(cat.kill)
        peer, _ = self.server.accept()
        self.addCleanup(peer.close)
        peer.settimeout(admin_case.DEADLINE)
        cat.stdin.write(b"hello")
        cat.stdin.flush()
        self.assertEqual(peer.recv(5, socket.MSG_WAITALL), b"hello")
        self.assertEqual(self.sockets("--plane", "forwarded"), [])
        (one,) = self.sockets("--plane", "lent")
        self.assertEqual([each["socket_id"] for each in self.sockets()],
                         [one["socket_id"]])
        self.assertEqual(
            (one["pid"], one["plane"], one["state"], one["bytes_sent"],
             one["bytes_unknown"], one["operations_unknown"], one["peer"]),
            (cat.pid, "PLANE_LENT", "SOCKET_STATE_CONNECTED", "5", False, True,
             f"127.0.0.1:{self.port}"))
        self.assertNotEqual(one["cookie"], "0")
        # It is one, wherever it is counted.
        self.assertEqual(self.admin.call("GetServerInfo").sockets, 1)
        self.assertIn("left: 1 client, 1 socket,",
                      self.wspctl("drain", "--timeout", "0", code=3))
        # The daemon has it, too, and needs no right to end it.
        self.wspctl("reset", f"sk:{int(one['cookie']):x}")
        reset, closed = self.watched(2, "--plane", "lent")
        self.assertEqual(
            [(event["kind"], event["socket_id"], event["cookie"])
             for event in (reset, closed)],
            [("KIND_SOCKET_" + kind, one["socket_id"], one["cookie"])
             for kind in ("RESET", "CLOSED")])
        with self.assertRaises(ConnectionResetError):
            peer.recv(1)
        # Until then it was forwarded.
        kinds = [event["kind"] for event in self.watched(
            2, "--plane", "forwarded", "--kind",
            "socket_opened,socket_connected,socket_reset,socket_closed")]
        self.assertEqual(kinds,
                         ["KIND_SOCKET_OPENED", "KIND_SOCKET_CONNECTED"])

    def test_of_datagrams_nothing_is_known(self):
        client = self.lent_client()
        number, cookie, lent = self.lent_datagrams(client)
        lent.send(b"past the daemon")
        (one,) = self.sockets("--plane", "lent")
        self.assertEqual(
            {name: one[name] for name in (
                "socket_id", "cookie", "bytes_unknown", "operations_unknown",
                "bytes_sent", "sends", "active_at_ns")},
            {"socket_id": str(number), "cookie": str(cookie),
             "bytes_unknown": True, "operations_unknown": True,
             "bytes_sent": "0", "sends": "0", "active_at_ns": "0"})
        row = self.wspctl(
            "sockets", "--fields", "plane,bytes_sent,bytes_received,sends,"
            "active_at_ns").splitlines()[-1]
        self.assertEqual(row.split(), ["lent", "-", "-", "-", "-"])
        self.assertEqual(self.error(client, "close_socket", number), 0)
        (closed,) = self.watched(1, "--kind", "socket_closed")
        self.assertEqual((closed["plane"], closed["cookie"]),
                         ("PLANE_LENT", str(cookie)))

    def test_what_it_is_refused_later_on(self):
        client = self.lent_client()
        number, cookie, _ = self.lent_datagrams(client)
        self.write_config('policy { rules { name: "no" verdict: DENY '
                          'addresses: "127.0.0.2" } }')
        self.wspctl("reload")
        self.assertEqual(self.error(client, "connect", number,
                                    address=client.ipv4(LOOPBACK + 1, 7)),
                         WSAEACCES)
        (refused,) = self.watched(1, "--kind", "socket_refused")
        self.assertEqual(
            (refused["plane"], refused["socket_id"], refused["cookie"]),
            ("PLANE_LENT", str(number), str(cookie)))


if __name__ == "__main__":
    admin_case.main()
