#!/usr/bin/python3
"""What other rules are to programs' sockets that are open: "What was done before
stays" (config.proto, Policy). tests/admin has the same of forwarded ones.

Usage: open_sockets_test.py WSPRUN WSPD WSPCTL --plane=relayed
"""

import errno
import os
import socket
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import rules_case  # noqa: E402
from rules_case import FAR, NEAR  # noqa: E402

# Has sockets of each kind, and does with them what it reads.
PROGRAM = """
stream = connection()
datagram = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
datagram.settimeout(30)
datagram.connect(("127.0.0.1", PORT))
bound, bound_datagram = socket.socket(), socket.socket(type=socket.SOCK_DGRAM)
listener = socket.create_server(("127.0.0.1", 0))
for one in bound, bound_datagram:
    one.bind(("127.0.0.1", 0))
for one in stream, datagram, bound, bound_datagram, listener:
    assert is_relayed(one.fileno())
accepted = []

def ports():
    return " ".join(str(one.getsockname()[1])
                    for one in (bound, bound_datagram, listener))

def exchange_all():
    '''On what is connected.'''
    for one in stream, datagram, *accepted:
        exchange(one)

def connect_new():
    with socket.socket() as one:
        one.connect(("127.0.0.1", PORT))

def connect_datagrams():
    datagram.connect(("127.0.0.1", PORT))

def send_to():
    with socket.socket(type=socket.SOCK_DGRAM) as one:
        one.settimeout(30)
        one.sendto(b"x", ("127.0.0.1", PORT))
        # On a relayed socket the next call says so.
        one.recv(1)

def bind_new():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))

def listen():
    bound.listen(16)

def accept_of(one):
    one.settimeout(30)
    accepted.append(one.accept()[0])
    accepted[-1].settimeout(30)
    return accepted[-1].getpeername()[0]

def accept():
    return accept_of(listener)

def accept_bound():
    return accept_of(bound)

print("ready", flush=True)
while line := sys.stdin.readline():
    try:
        print(globals()[line.strip()]() or "fine", flush=True)
    except OSError as error:
        print(errno.errorcode.get(error.errno, error), flush=True)
"""


class OpenSocketsTest(rules_case.RulesCase):

    def setUp(self):
        super().setUp()
        self.program = self.start_under([], PROGRAM)
        self.bound, self.bound_datagram, self.listener = [
            int(port) for port in self.ask(self.program, "ports").split()]

    def expect(self, call, wanted):
        self.assertEqual(self.ask(self.program, call), wanted, call)

    def connect_from(self, host, port):
        """None if it is reset, by when it may be connected."""
        one = socket.socket()
        self.addCleanup(one.close)
        one.settimeout(preload_case.DEADLINE)
        one.bind((host, 0))
        try:
            one.connect((NEAR, port))
        except ConnectionResetError:
            return None
        return one

    def assert_reset(self, one):
        if one is not None:
            with self.assertRaises(ConnectionResetError):
                one.recv(1)

    def echo(self, one):
        """The other end of what the program exchanges."""
        one.sendall(one.recv(4, socket.MSG_WAITALL))

    def assert_taken(self, kind, port):
        """Somebody has that address."""
        with socket.socket(type=kind) as one:
            with self.assertRaises(OSError) as raised:
                one.bind((NEAR, port))
        self.assertEqual(raised.exception.errno, errno.EADDRINUSE)

    def test_connections_go_on(self):
        self.expect("exchange_all", "fine")
        self.rule("otherwise: DENY")
        self.expect("exchange_all", "fine")
        # What is done from now on is by the new rules.
        for call in "connect_new", "send_to", "connect_datagrams":
            self.expect(call, "EACCES")
        # That has taken nothing away.
        self.expect("exchange_all", "fine")

    def test_an_address_stays_bound(self):
        self.rule("otherwise: DENY")
        self.expect("bind_new", "EACCES")
        self.expect("listen", "EACCES")
        self.assert_taken(socket.SOCK_STREAM, self.bound)
        self.assert_taken(socket.SOCK_DGRAM, self.bound_datagram)
        # What is to be denied by now has been done.
        self.rule("rules { verdict: DENY actions: BIND }")
        self.expect("bind_new", "EACCES")
        self.expect("listen", "fine")
        self.connect_from(NEAR, self.bound)
        self.expect("accept_bound", NEAR)

    def test_a_listener_listens_and_looks_at_each(self):
        before = self.connect_from(FAR, self.listener)
        self.expect("accept", FAR)
        self.rule('rules { verdict: DENY actions: LISTEN } rules { verdict: '
                  f'DENY actions: ACCEPT addresses: "{FAR}" }}')
        self.expect("listen", "EACCES")
        denied = self.connect_from(FAR, self.listener)
        after = self.connect_from(NEAR, self.listener)
        self.expect("accept", NEAR)
        self.assert_reset(denied)
        # Who was let in is.
        self.go_on(self.program, "exchange_all")
        self.echo(before)
        self.echo(after)
        self.expect_line(self.program, "fine")

    def test_no_listener_accepts_for_whom_all_is_denied(self):
        self.rule("otherwise: DENY")
        self.assert_reset(self.connect_from(NEAR, self.listener))
        self.rule("")
        self.connect_from(NEAR, self.listener)
        self.expect("accept", NEAR)


if __name__ == "__main__":
    preload_case.main()
