"""Attacks on descriptor connections, while an honest client goes on.

Usage: descriptors_test.py WSPD PROTO_ROOT -
"""

import errno
import os
import signal
import socket
import struct
import subprocess
import sys
import time

import hostile_case
import linux_client

PROTOS = hostile_case.PROTOS
MAGIC = linux_client.MAGIC
FIRST_BYTES = 24
# What a client may leave unread, and what it certainly may not.
UNREAD, TOO_MANY = 64, 300


class DescriptorsTest(hostile_case.HostileCase):
    def client(self):
        client = linux_client.LinuxClient(PROTOS, self.path)
        self.addCleanup(client.close)
        client.attach()
        self.assertEqual(client.connect_descriptors(), (0, 0, []))
        return client

    def say(self, first_bytes):
        descriptors = linux_client.DescriptorConnection(self.path,
                                                        first_bytes)
        self.addCleanup(descriptors.close)
        return descriptors

    def assert_refused(self, first_bytes, *words):
        self.daemon.log.clear()
        self.assertTrue(self.say(first_bytes).is_ended())
        self.assertIsNotNone(self.daemon.await_line("refused", *words))

    def open_files(self):
        return len(os.listdir(f"/proc/{self.daemon.process.pid}/fd"))

    def await_open_files(self, before):
        # It may have begun to listen to the ends of sockets.
        most = before + 1
        deadline = time.monotonic() + 20
        while self.open_files() > most and time.monotonic() < deadline:
            time.sleep(0.01)
        self.assertLessEqual(self.open_files(), most)

    def test_wrong_magic(self):
        token = self.client().welcome.attachment_token
        for magic in b"WSPDFD2\n", b"WSPDFD1\0", b"W" * 8, b"WSPD\xff\xff\xff\n":
            self.assert_refused(magic + token, "WSPDFD1", f"pid={os.getpid()}")
        self.assert_honest_is_served()

    def test_wrong_tokens(self):
        client = self.client()
        token = client.welcome.attachment_token
        self.assert_refused(MAGIC + bytes(16), "no attachment has this token")
        self.assert_refused(MAGIC + token[:15] + b"\0",
                            "no attachment has this token")
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()

    def test_a_winsock_attachments_token(self):
        client = linux_client.wire_client.WireClient(PROTOS, self.path)
        self.addCleanup(client.close)
        token = client.attach().attachment_token
        self.assert_refused(MAGIC + token, "CAPABILITY_LENT")

    def test_another_processs_token(self):
        ours, theirs = socket.socketpair()
        other = subprocess.Popen(
            [sys.executable, linux_client.__file__, hostile_case.PROTO_ROOT,
             self.path, str(self.echo.port)],
            stdin=theirs, stdout=subprocess.PIPE, text=True)
        theirs.close()
        try:
            token = bytes.fromhex(other.stdout.readline())
            self.assert_refused(MAGIC + token, "another process")
            # It isn't disturbed.
            ours.settimeout(30)
            _, fds, _, _ = socket.recv_fds(ours, 1, 1)
            lent = socket.socket(fileno=fds[0])
            lent.settimeout(30)
            lent.sendall(b"ping")
            self.assertEqual(lent.recv(4), b"ping")
            lent.close()
        finally:
            ours.close()
            other.stdout.close()
            self.assertEqual(other.wait(30), 0)

    def test_more_than_magic_and_token(self):
        client = self.client()
        client.descriptors.socket.sendall(b"x")
        self.assertTrue(client.descriptors.is_ended())
        self.assertIsNotNone(self.daemon.await_line("no adoption"))
        completion, _ = client.lend()
        self.assertEqual(completion.linux_errno, errno.ENOTCONN)
        client.descriptors.close()
        client.connect_descriptors()
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()

    def test_farewells(self):
        """They are for who offers them, and cost others nothing."""
        def attached(*more):
            client = linux_client.LinuxClient(PROTOS, self.path)
            self.addCleanup(client.close)
            types = client.types
            linux_client.wire_client.WireClient.attach(
                client, [types.CAPABILITY_LENT, types.CAPABILITY_RELAYED,
                         *more], personality=types.PERSONALITY_LINUX)
            client.connect_descriptors()
            return client

        farewell = attached().types.CAPABILITY_FAREWELL
        message = linux_client.MESSAGE.pack
        client = attached(farewell)
        self.assertIn(farewell, client.welcome.capabilities)
        for _ in range(1000):
            client.descriptors.socket.sendall(message(0, 1) + message(0, 2))
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()
        self.assert_honest_is_served()
        for said in message(0, 0), message(0, 3), message(1, 1):
            client = attached(farewell)
            client.descriptors.socket.sendall(said)
            self.assertTrue(client.descriptors.is_ended())
        client = attached(farewell)
        socket.send_fds(client.descriptors.socket, [message(0, 1)], [0])
        self.assertTrue(client.descriptors.is_ended())
        client = attached()
        self.assertNotIn(farewell, client.welcome.capabilities)
        client.descriptors.socket.sendall(message(0, 1))
        self.assertTrue(client.descriptors.is_ended())
        self.assertIsNotNone(self.daemon.await_line("CAPABILITY_FAREWELL"))

    def test_bytes_behind_the_token_in_one_go(self):
        token = self.client().welcome.attachment_token
        descriptors = self.say(MAGIC + token + b"x")
        while descriptors.receive() is not None:
            pass
        self.assertIsNotNone(self.daemon.await_line("no adoption"))

    def test_slow_first_bytes(self):
        token = self.client().welcome.attachment_token
        slow = self.say(b"")
        for i in range(FIRST_BYTES):
            slow.socket.sendall((MAGIC + token)[i:i + 1])
        self.assertEqual(slow.receive(), (0, 0, []))

    def test_who_stops_before_the_end_is_shut_down(self):
        begin = time.monotonic()
        token = self.client().welcome.attachment_token
        before = self.open_files()
        stopped = [self.say((MAGIC + token)[:i % FIRST_BYTES])
                   for i in range(240)]
        self.assert_honest_is_served()
        for connection in stopped:
            self.assertTrue(connection.is_ended())
        took = time.monotonic() - begin
        print(f"the last one after {took:.2f} s")
        self.assertGreater(took, 0.9 * hostile_case.ATTACH_SECONDS)
        self.assertLess(took, 10 * hostile_case.ATTACH_SECONDS)
        self.await_open_files(before)

    def test_a_descriptor_connection_may_be_silent(self):
        client = self.client()
        time.sleep(2 * hostile_case.ATTACH_SECONDS)
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()

    def lingering_socket(self, seconds):
        """A socket whose last close takes its time."""
        listener = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(listener.close)
        lingering = socket.create_connection(listener.getsockname())
        peer, _ = listener.accept()
        self.addCleanup(peer.close)
        lingering.setblocking(False)
        try:
            while True:
                lingering.send(bytes(1 << 16))
        except BlockingIOError:
            pass
        lingering.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                             struct.pack("=ii", 1, seconds))
        return lingering

    def give_away(self, connection, message, given):
        """Sends a descriptor that the daemon is the last to close."""
        os.kill(self.daemon.process.pid, signal.SIGSTOP)
        try:
            socket.send_fds(connection, [message], [given.fileno()])
        except PermissionError:
            # From Linux 6.16 on nobody can, where the daemon wants none.
            given.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, bytes(8))
        finally:
            given.close()
            os.kill(self.daemon.process.pid, signal.SIGCONT)

    def test_descriptors_whose_closing_takes_its_time(self):
        client = self.client()
        number, program = client.relay()
        adoption = linux_client.MESSAGE.pack(number, 0)
        nested, other = socket.socketpair()
        lingering = self.lingering_socket(20)
        socket.send_fds(nested, [b"x"], [lingering.fileno()])
        lingering.close()
        nested.close()
        begin = time.monotonic()
        # Its receive queue has what takes its time.
        self.give_away(client.descriptors.socket, adoption, other)
        self.assertEqual(client.descriptors.receive(),
                         (number, errno.EBADF, []))
        self.give_away(client.descriptors.socket, adoption,
                       self.lingering_socket(20))
        self.assertEqual(client.descriptors.receive(),
                         (number, errno.EBADF, []))
        self.give_away(program, b"x", self.lingering_socket(20))
        program.close()
        self.assert_honest_is_served()
        other_client = self.client()
        _, relayed = other_client.relay()
        relayed.close()
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()
        took = time.monotonic() - begin
        print(f"served within {took:.2f} s")
        self.assertLess(took, 10)

    def test_adoptions_whose_answers_nobody_reads(self):
        client = self.client()
        number, program = client.relay()
        self.addCleanup(program.close)
        client.descriptors.socket.setblocking(False)
        message = linux_client.MESSAGE.pack(number, 0)
        with self.assertRaises((BlockingIOError, BrokenPipeError,
                                ConnectionResetError)):
            for _ in range(100000):
                socket.send_fds(client.descriptors.socket, [message],
                                [program.fileno()])
        self.assertIsNotNone(self.daemon.await_line("doesn't read"))
        self.assert_honest_is_served()

    def test_descriptors_that_nobody_reads(self):
        client = self.client()
        before = self.open_files()
        request = PROTOS.linux.LinuxSocketRequest
        results = [
            client.call("linux_socket", i + 1, family=request.FAMILY_IPV4,
                        type=request.TYPE_DATAGRAM,
                        plane=client.types.PLANE_LENT).linux_errno
            for i in range(TOO_MANY)]
        self.assertEqual(results[:UNREAD], [0] * UNREAD)
        succeeded = results.count(0)
        print(f"{succeeded} descriptors unread")
        self.assertEqual(results[succeeded:],
                         [errno.ENOBUFS] * (TOO_MANY - succeeded))
        self.assertLess(succeeded, TOO_MANY / 2)
        self.await_open_files(before)
        self.assert_honest_is_served()
        # Those that are on their way count, and nothing else does.
        for _ in range(succeeded):
            _, _, sockets = client.descriptors.receive()
            self.assertEqual(len(sockets), 1)
            sockets[0].close()
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()

    def test_a_client_that_is_always_a_little_behind(self):
        # A user's share of what may be unread is a quarter of that.
        files = 400
        limited = ["sh", "-c", f'ulimit -n {files}; "$@"; exit $?', "sh"]
        with hostile_case.daemon_process.DaemonProcess(
                hostile_case.WSPD, launcher=limited) as daemon:
            client = linux_client.LinuxClient(PROTOS, daemon.provider_socket)
            self.addCleanup(client.close)
            client.attach()
            client.connect_descriptors()
            for i in range(files):
                completion = client.call(
                    "linux_socket", i + 1, family=1, type=1, plane=2)
                self.assertEqual(completion.linux_errno, 0, i)
                if i >= 8:
                    _, _, sockets = client.descriptors.receive()
                    sockets[0].close()

    def test_descriptors_on_their_way_end_with_the_connection(self):
        client = self.client()
        before = self.open_files()
        for i in range(UNREAD):
            completion = client.call(
                "linux_socket", i + 1, family=1, type=1, plane=2)
            self.assertEqual(completion.linux_errno, 0)
        client.descriptors.close()
        self.await_open_files(before)
        self.assertIsNotNone(client.connect_descriptors())
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()

    def test_many_descriptor_connections(self):
        client = self.client()
        before = self.open_files()
        for _ in range(300):
            older = client.descriptors
            self.assertEqual(client.connect_descriptors(), (0, 0, []))
            self.assertTrue(older.is_ended())
            older.close()
        self.await_open_files(before)
        completion, lent = client.lend()
        self.assertEqual(completion.linux_errno, 0)
        lent.close()


if __name__ == "__main__":
    hostile_case.main()
