#!/usr/bin/python3
"""Rates of bytes, connections and operations, with processes that share them: what needs
so many refills of a bucket hasn't ended before they have come. No more than
that is asked of the time, which a busy machine may stretch.

Usage: rates_test.py WSPRUN WSPD WSPCTL WSPCAT --plane=relayed
"""

import os
import socket
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import preload_case  # noqa: E402
import rules_case  # noqa: E402
from rules_case import NEAR, as_user  # noqa: E402

ALICE = 70001

BYTES_PER_SECOND = 512 << 10
# What each process moves.
AMOUNT = 512 << 10
# What goes at once, and what each socket has moved before it is seen that it
# is more: an operation's.
BURST = BYTES_PER_SECOND // 10
OPERATION = 64 << 10

CONNECTIONS_PER_SECOND = 5

# Begins when it is told to.
SENDS = f"""
one = connection()
print("ready", flush=True)
sys.stdin.readline()
one.settimeout(None)
one.sendall(bytes({AMOUNT}))
one.shutdown(socket.SHUT_WR)
one.recv(1)
"""

RECEIVES = f"""
one = connection()
print("ready", flush=True)
sys.stdin.readline()
one.settimeout(None)
one.sendall(b"go")
left = {AMOUNT}
while left > 0:
    left -= len(one.recv(min(left, 65536)))
print("done", flush=True)
"""

# As many as it reads.
CONNECTS = """
print("ready", flush=True)
kept = [connection() for _ in range(int(sys.stdin.readline()))]
print("done", flush=True)
sys.stdin.readline()
"""

ACCEPTS = """
listener = socket.create_server(("127.0.0.1", 0), backlog=64)
print("ready", flush=True)
print(listener.getsockname()[1], flush=True)
kept = [listener.accept() for _ in range(int(sys.stdin.readline()))]
print("done", flush=True)
"""


class Server:
    """Takes what comes, or sends what is wanted to who asks for it."""

    def __init__(self):
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        self.taken = 0
        self.changed = threading.Condition()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                one, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(one,),
                             daemon=True).start()

    def _serve(self, one):
        with one:
            try:
                while data := one.recv(65536):
                    if data == b"go":
                        one.sendall(bytes(AMOUNT))
                    with self.changed:
                        self.taken += len(data)
                        self.changed.notify_all()
            except OSError:
                pass

    def await_taken(self, wanted):
        """False if it doesn't come."""
        with self.changed:
            return self.changed.wait_for(lambda: self.taken >= wanted,
                                         preload_case.DEADLINE)

    def close(self):
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()


class RatesCase(rules_case.RulesCase):

    @classmethod
    def setUpClass(cls):
        rules_case.need_users()

    def setUp(self):
        super().setUp()
        self.counting = Server()
        self.addCleanup(self.counting.close)
        self.wspcat = self.copy(preload_case.PROGRAM)
        self.library = self.copy(os.path.join(
            os.path.dirname(preload_case.WSPRUN), "libwsp.so"))

    def environment(self):
        return {**os.environ, "TEST_PORT": str(self.counting.port),
                "WSPD_SOCKET": self.daemon.provider_socket}

    def program(self, body):
        return self.start_under(as_user(ALICE), body)

    def forwarded(self, *arguments):
        """The user's client by libwsp.so."""
        process = subprocess.Popen(
            [*preload_case.bare_network(), *as_user(ALICE), self.wspcat,
             "--provider", self.library, *arguments, "connect", NEAR,
             str(self.counting.port)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            env=self.environment())
        self.addCleanup(self.end, process)
        return process

    def assert_refilled(self, since, used, at_once, per_second):
        """So much wasn't to be had before now. The buckets' clock is this
        one."""
        took = time.monotonic() - since
        needed = (used - at_once) / per_second
        print(f"{self.id()}: took {took:.2f} s, at least {needed:.2f}")
        self.assertGreaterEqual(took, needed)


class UsersBytesTest(RatesCase):

    config = f"limits {{ bytes_per_second_per_uid: {BYTES_PER_SECOND} }}"

    def assert_shared(self, since):
        """By two processes that have moved theirs."""
        at_once = BURST + 2 * OPERATION
        # Two with a rate of their own each would need less.
        self.assertLess((AMOUNT - BURST) / BYTES_PER_SECOND,
                        (2 * AMOUNT - at_once) / BYTES_PER_SECOND)
        self.assert_refilled(since, 2 * AMOUNT, at_once, BYTES_PER_SECOND)

    def test_what_two_programs_send(self):
        programs = [self.program(SENDS) for _ in range(2)]
        since = time.monotonic()
        for program in programs:
            self.go_on(program)
        self.assertTrue(self.counting.await_taken(2 * AMOUNT))
        self.assert_shared(since)

    def test_what_two_programs_receive(self):
        programs = [self.program(RECEIVES) for _ in range(2)]
        since = time.monotonic()
        for program in programs:
            self.go_on(program)
        for program in programs:
            self.expect_line(program, "done")
        self.assert_shared(since)

    def test_what_is_sent_on_two_planes(self):
        relayed = self.program(SENDS)
        forwarded = self.forwarded("--send-only")
        since = time.monotonic()
        self.go_on(relayed)
        forwarded.stdin.write(bytes(AMOUNT))
        forwarded.stdin.close()
        forwarded.stdin = None
        self.assertTrue(self.counting.await_taken(2 * AMOUNT))
        self.assert_shared(since)


class ClientsConnectionsTest(RatesCase):

    config = ("limits { connections_per_second_per_client: "
              f"{CONNECTIONS_PER_SECOND} }}")
    COUNT = 3 * CONNECTIONS_PER_SECOND

    def assert_waited(self, since):
        self.assert_refilled(since, self.COUNT, CONNECTIONS_PER_SECOND,
                             CONNECTIONS_PER_SECOND)

    def test_what_a_program_connects(self):
        program = self.program(CONNECTS)
        since = time.monotonic()
        self.go_on(program, str(self.COUNT))
        self.expect_line(program, "done")
        self.assert_waited(since)

    def test_what_a_program_accepts(self):
        program = self.program(ACCEPTS)
        port = int(program.stdout.readline())
        since = time.monotonic()
        for _ in range(self.COUNT):
            one = socket.create_connection((NEAR, port),
                                           preload_case.DEADLINE)
            self.addCleanup(one.close)
        self.go_on(program, str(self.COUNT))
        self.expect_line(program, "done")
        self.assert_waited(since)

    def test_what_a_client_of_the_spi_connects(self):
        since = time.monotonic()
        client = self.forwarded("--hold", str(self.COUNT))
        self.assertEqual(client.stdout.readline(),
                         b"holding %d\n" % self.COUNT)
        self.assert_waited(since)


class UsersOperationsTest(RatesCase):

    PER_SECOND = 200
    config = f"limits {{ operations_per_second_per_uid: {PER_SECOND} }}"
    # Of each of two, a byte to the server each, which waits for nothing.
    COUNT = 150

    def test_two_programs_share_those_of_the_bytes_that_they_send(self):
        programs = [self.program(f"""
one = connection()
print("ready", flush=True)
sys.stdin.readline()
one.settimeout(None)
one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
for sent in range({self.COUNT}):
    one.sendall(b"x")
    # Until it has been moved.
    left = ctypes.c_int(1)
    while left.value:
        fcntl.ioctl(one, 0x5411, left)
print("done", flush=True)
sys.stdin.readline()
""") for _ in range(2)]
        since = time.monotonic()
        for program in programs:
            self.go_on(program)
        for program in programs:
            self.expect_line(program, "done")
        # A tenth of a second's at first, and the last of each may be owed. That
        # they ask whether it was moved are operations, too.
        self.assert_refilled(since, 2 * self.COUNT - 2, self.PER_SECOND / 10,
                             self.PER_SECOND)


class UsersConnectionsTest(RatesCase):

    config = ("limits { connections_per_second_per_uid: "
              f"{CONNECTIONS_PER_SECOND} }}")
    COUNT = 8

    def test_two_programs_share_them(self):
        programs = [self.program(CONNECTS) for _ in range(2)]
        since = time.monotonic()
        for program in programs:
            self.go_on(program, str(self.COUNT))
        for program in programs:
            self.expect_line(program, "done")
        self.assert_refilled(since, 2 * self.COUNT, CONNECTIONS_PER_SECOND,
                             CONNECTIONS_PER_SECOND)


if __name__ == "__main__":
    preload_case.main()
